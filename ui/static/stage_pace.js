// The clock of a stage, or of several that go in step.
//
// Driven sources (the viewer's GPU) get their frames from here, in real time × speed and never
// faster; what a slow GPU cannot do in time is dropped, not caught up. The others (a server, a
// film) have clocks of their own and are only told.

const MOST_ELAPSED = 0.25; // seconds that one turn of the loop may make up for
const BUSY_MS = 40; // of computing in one turn, where more than one frame is due

export class Pace {
  playing = false;
  speed = 1;
  members = new Set();

  #handle = 0; #busy = false; #last = 0; #owed = 0; #interval = 16;
  #shown = 0; #asked = 0; #handed = false; #wish = Promise.resolve();

  add(member) {
    this.members.add(member);
    this.wake();
  }

  remove(member) {
    this.members.delete(member);
    if (!this.members.size) this.#sleep();
  }

  play() {
    this.playing = true;
    this.#each((member) => member.source?.play?.());
    this.wake();
  }

  pause() {
    this.playing = false;
    this.#each((member) => member.source?.pause?.());
  }

  setSpeed(speed) {
    this.speed = speed;
    this.#each((member) => member.source?.speed?.(speed));
  }

  // One frame on, all of them; resolves when it is shown.
  step() {
    this.pause();
    return this.#alone(async () => {
      await Promise.all(this.#ready.map(async (member) => {
        const { source } = member;
        if (!source.driven) return source.step?.();
        await source.advance(1);
        await source.show();
        member.shown();
      }));
      this.#owed = 0;
    });
  }

  restart(seed) {
    return this.#alone(async () => {
      await Promise.all(this.#ready.map(async (member) => {
        member.restarted();
        await (member.source.driven ? member.source.start(seed) : member.source.restart?.(seed));
        member.shown();
      }));
      this.#owed = 0;
    });
  }

  // To a frame, from the beginning if it is past. Resolves when all are there.
  seek(frame) {
    return this.#alone(async () => {
      await Promise.all(this.#ready.map(async (member) => {
        const { source } = member;
        if (!source.driven) return source.seek?.(frame);
        if (frame < source.index) {
          member.restarted();
          await source.start();
        }
        await source.advance(frame - source.index);
        await source.show();
        member.shown();
      }));
      this.#owed = 0;
    });
  }

  // Resolves when nothing is being drawn.
  rest() {
    return this.#alone(async () => {});
  }

  // Somebody has something to draw: the loop runs until nobody has. What a hand did is drawn at
  // once, not with the display's next turn.
  wake() {
    if (!this.#wanted) return;
    if (!this.#handle) {
      this.#last = this.#shown = performance.now();
      this.#handle = requestAnimationFrame((now) => this.#turn(now));
    }
    if (this.#driven.some((member) => member.stale)) this.#run();
  }

  get #ready() {
    return [...this.members].filter((member) => member.source?.ready !== false && member.source);
  }

  // In step means all or none: one that is out of sight goes on with the one that is seen.
  get #driven() {
    const all = this.#ready.filter((member) => member.source.driven);
    return all.some((member) => member.awake) ? all : [];
  }

  get #wanted() {
    const all = this.#driven;
    return all.length > 0 && (this.playing || all.some((member) => member.stale));
  }

  #sleep() {
    cancelAnimationFrame(this.#handle);
    this.#handle = 0;
  }

  #each(tell) {
    for (const member of this.members) {
      tell(member);
      member.paced();
    }
  }

  // What a person asks for waits for the frame in flight, and frames wait for it.
  #alone(work) {
    this.#asked += 1;
    const done = this.#wish.then(async () => {
      while (this.#busy) await new Promise((go) => setTimeout(go, 1));
      this.#busy = true;
      try {
        await work();
      } catch (error) {
        this.#ready.forEach((member) => member.failed(error));
      } finally {
        this.#busy = false;
        this.#asked -= 1;
        this.#last = performance.now();
        this.wake();
      }
    });
    this.#wish = done;
    return done;
  }

  #turn(now) {
    this.#handle = 0;
    if (!this.#wanted) return;
    this.#handle = requestAnimationFrame((then) => this.#turn(then));
    const passed = now - this.#shown;
    this.#shown = now;
    if (passed > 0 && passed < 100) this.#interval += (passed - this.#interval) * 0.05;
    this.#run();
  }

  // Draws what is due. A GPU that is behind does not wait for the display in between.
  async #run() {
    if (this.#busy || this.#asked) return;
    this.#busy = true;
    try {
      do {
        const now = performance.now(), elapsed = (now - this.#last) / 1000;
        this.#last = now;
        await this.#draw(Math.min(Math.max(0, elapsed), MOST_ELAPSED));
      } while (!this.#asked && this.#wanted && this.#behind);
    } finally {
      this.#busy = false;
    }
  }

  get #behind() {
    const members = this.#driven;
    if (members.some((member) => member.stale)) return true;
    const due = (performance.now() - this.#last) / 1000 * this.#rate(members) * this.speed;
    return this.playing && this.#owed + due >= 1;
  }

  #rate(members) {
    return Math.min(...members.map((member) => member.source.framesPerSecond));
  }

  async #draw(elapsed) {
    const members = this.#driven;
    if (!members.length) return;
    const cost = members.reduce((sum, member) => sum + member.source.cost, 0);
    let count = 0;
    if (this.playing) {
      this.#owed += elapsed * this.#rate(members) * this.speed;
      const most = Math.max(1, Math.floor(BUSY_MS / Math.max(cost, 0.1)));
      count = Math.min(Math.floor(this.#owed), most);
      this.#owed = Math.min(this.#owed - count, 1);
    }
    // What a hand has turned is seen before time goes on; while it turns and turns, they alternate.
    this.#handed = !this.#handed && members.some((member) => member.stale);
    if (this.#handed && count) {
      this.#owed = Math.min(this.#owed + count, 1);
      count = 0;
    }
    const spare = this.playing && cost * 2 < this.#interval;
    for (const member of members) {
      const { source } = member;
      try {
        // A view or knob that was turned while this is drawn is drawn in the next turn.
        const stale = member.stale;
        member.stale = false;
        const smooth = spare && source.glides;
        if (count) await source.advance(count);
        if (stale && !count && !smooth) await source.glide();
        else if (smooth) await source.glide(Math.min(this.#owed, 0.999));
        else if (!count) continue;
        await source.show();
        member.shown();
      } catch (error) {
        member.failed(error);
      }
    }
  }
}
