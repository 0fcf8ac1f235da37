// When a phone rests: pure rules, so that each can be tried without a battery or a hot day.

export const FLOOR = 0.15; // of the battery, below which nothing is computed without a charger

// How much of the battery may go, as the three choices of the page; 0: only while charging.
export const SHARES = { charging: 0, little: 0.1, more: 0.3 };

// Whether the battery forbids work now. `began`: its level when lending began.
export function drained({ share, level, charging, began }) {
  if (charging) return false;
  return share === 0 || began - level >= share - 1e-9 || level <= FLOOR;
}

// Browsers tell no temperature. What a hot phone does is slow itself down: the same small piece of
// work taking two and a half times its best time, three times in a row, counts as heat. Work of
// others on the same GPU looks alike, and resting is right then too.
export class Heat {
  #best = Infinity;
  #slow = 0;

  constructor({ factor = 2.5, times = 3, least = 4 } = {}) {
    Object.assign(this, { factor, times, least });
  }

  // Milliseconds of one measurement; true: rest.
  add(ms) {
    const steady = Math.max(ms, this.least); // a clock this coarse tells nothing below
    this.#slow = steady > this.factor * this.#best ? this.#slow + 1 : 0;
    this.#best = Math.min(this.#best, steady);
    return this.#slow >= this.times;
  }
}

// Why the phone rests now, the person's own wish first; empty: it works.
export function resting({ wish, hidden, hot, battery }) {
  if (wish) return "owner";
  if (hidden) return "hidden";
  if (battery) return "battery";
  return hot ? "hot" : "";
}
