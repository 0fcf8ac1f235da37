// How finely a stage draws: in all pixels, or in fewer while the viewer's GPU is too slow for them.
//
// A hand that turns a knob waits for half a frame and then for its own, so a frame that takes
// longer than SLOW_MS is felt. Only measured times decide: on a quick GPU nothing ever changes.

const SLOW_MS = 28; // a frame in all pixels may take so long
const QUICK_MS = 20; // and one is thought to take less before all pixels are drawn again
const ENOUGH = 5; // frames before anything is decided; a frame or two may hitch
const GAIN = 0.85; // fewer pixels must take less than this share of the time, or they are no use
const CALM = 60; // frames for which it must look quick
const PATIENCE = 150; // frames until all pixels are tried anew; each time in vain twice as many

export class Detail {
  coarse = false;

  #took = { true: new Lately(), false: new Lately() };
  #ratio = 0; // how much longer all pixels take; 0: not known since it changed
  #calm = 0; #since = 0; #patience = PATIENCE; #useless = false;

  // A frame took so many milliseconds, drawn as it is now.
  took(milliseconds) {
    const mine = this.#took[this.coarse];
    mine.add(milliseconds);
    if (mine.count < ENOUGH) return;
    if (!this.coarse) {
      if (mine.value > SLOW_MS && !this.#useless) this.#turn(true);
      return;
    }
    this.#ratio ||= this.#took.false.value / mine.value;
    this.#useless = this.#ratio * GAIN < 1;
    this.#calm = mine.value * this.#ratio < QUICK_MS ? this.#calm + 1 : 0;
    this.#since += 1;
    // What made it slow may be over; where fewer pixels are slow as well, it is not.
    const again = this.#since >= this.#patience && mine.value < SLOW_MS / 2;
    if (again) this.#patience *= 2;
    if (this.#useless || this.#calm >= CALM || again) this.#turn(false);
  }

  // Fewer pixels cannot be had.
  refuse() {
    this.#useless = true;
    this.coarse = false;
  }

  // Milliseconds of a frame as it is drawn now.
  get cost() {
    return this.#took[this.coarse].value || this.#took[!this.coarse].value;
  }

  #turn(coarse) {
    this.coarse = coarse;
    this.#calm = this.#since = this.#ratio = 0;
    this.#took[coarse].clear();
  }
}

// The middle one of the last times.
class Lately {
  value = 0;
  count = 0;

  #times = [];

  add(time) {
    this.count += 1;
    this.#times.push(time);
    if (this.#times.length > ENOUGH) this.#times.shift();
    const sorted = [...this.#times].sort((a, b) => a - b);
    this.value = sorted[sorted.length >> 1];
  }

  clear() {
    this.value = this.count = 0;
    this.#times = [];
  }
}
