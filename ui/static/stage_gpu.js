// A stage's first choice: the program on the viewer's own GPU.
//
// A source that is `driven` has no clock of its own; the pace calls advance(), glide() and show().

import { ProgramPlayer } from "./program.js";
import { Detail } from "./stage_detail.js";
import { acquireDevice } from "./stage_device.js";

const OPEN_MS = 30_000;
const REST_MS = 400; // after the last drawing, what was drawn in fewer pixels is drawn in all

export class GpuSource {
  kind = "gpu";
  driven = true;
  can = new Set(["play", "step", "restart", "speed", "seek", "view", "shot", "record"]);
  element = document.createElement("canvas");
  device = "";
  onlost = () => {};
  onprobe = () => {};
  onrest = () => {}; // it should be drawn once more, in all its pixels

  #job; #player = null; #lease = null; #seen = new Map(); #gone = false; #glides = false;
  #detail = new Detail(); #finely = 0; #rest = 0; #resting = false;
  #ready = false; #preparing = null; // whether fewer pixels can be had

  // job: {program, parameters, seed, arrays: sha256 → address or bytes, sketch}
  constructor(job) {
    this.#job = job;
    const { program } = job;
    this.width = program.width;
    this.height = program.height;
    this.framesPerSecond = program.frames_per_second;
    const turns = program.view?.spin && /\buniforms\s*\.\s*yaw\b/.test(program.source);
    this.#glides = program.steps_per_frame > 1 || Boolean(turns);
  }

  get index() {
    return this.#player?.index ?? -1;
  }

  // Milliseconds a frame takes, lately.
  get cost() {
    return this.#detail.cost;
  }

  // Whether the picture has fewer pixels now than it could have.
  get coarse() {
    return Boolean(this.#player?.sketched);
  }

  async open() {
    const { program, parameters, seed, arrays, sketch } = this.#job;
    if (!sketch) this.#detail.refuse();
    const work = async () => {
      const [lease, bytes] = await Promise.all([
        acquireDevice(program.requires), fetched(program, arrays),
      ]);
      this.#lease = lease;
      if (this.#gone) return lease.release();
      this.device = lease.name;
      lease.device.lost.then(({ message }) => {
        if (!this.#gone) this.onlost(message);
      });
      const player = await ProgramPlayer.create(program, {
        device: lease.device, parameters, seed, arrays: bytes, sketch,
      });
      this.#player = player;
      if (this.#gone) return player.destroy();
      await this.start();
    };
    try {
      await within(OPEN_MS, work());
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  async start(seed) {
    this.#seen.clear();
    await (seed === undefined ? this.#player.start() : this.#player.restart(seed));
    this.#tell();
    await this.show();
  }

  // Whole frames, one after another.
  async advance(count) {
    this.#resting = false;
    for (let i = 0; i < count && !this.#gone; i++) await this.#timed(() => this.#player.frame());
    this.#tell();
  }

  // Whether a moment between two frames looks other than the first of them.
  get glides() {
    return this.#glides;
  }

  async glide(ahead) {
    await this.#timed(() => this.#player.between(ahead));
  }

  async show() {
    if (!this.#gone) await this.#player.present(this.element);
  }

  // While somebody takes pictures of it, all of its pixels are drawn; the canvas has them at once.
  finely(on) {
    this.#finely += on ? 1 : -1;
    const { element, width, height } = this;
    if (!on || element.width === width) return;
    const small = new OffscreenCanvas(element.width, element.height);
    small.getContext("2d").drawImage(element, 0, 0);
    element.width = width;
    element.height = height;
    element.getContext("2d").drawImage(small, 0, 0, width, height);
  }

  // The picture that is shown, in all its pixels.
  async still() {
    if (!this.coarse) return this.element;
    const canvas = document.createElement("canvas");
    this.#finely += 1;
    try {
      await this.#player.sketch(false);
      await this.#player.between();
      await this.#player.present(canvas);
    } finally {
      this.#finely -= 1;
    }
    return canvas;
  }

  // Draws as finely as the GPU is quick, and learns how quick it is. What stands still is drawn
  // once more in all its pixels.
  async #timed(draw) {
    if (this.#gone) return;
    clearTimeout(this.#rest);
    if (this.#detail.coarse && !this.#ready) this.#prepare();
    const coarse = this.#detail.coarse && this.#ready && !this.#finely && !this.#resting;
    this.#resting = false;
    if (coarse !== this.coarse) await this.#player.sketch(coarse);
    if (this.#gone) return;
    const began = performance.now();
    await draw();
    // A picture that is drawn otherwise than it was decided teaches nothing.
    if (this.coarse === this.#detail.coarse) this.#detail.took(performance.now() - began);
    if (this.coarse && !this.#gone) {
      this.#rest = setTimeout(() => {
        this.#resting = true;
        this.onrest();
      }, REST_MS);
    }
  }

  set(name, value) {
    this.#player?.setParameter(name, value);
  }

  view(view) {
    this.#player?.setView(view);
  }

  destroy() {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#rest);
    this.#player?.destroy();
    this.#player = null;
    this.#lease?.release();
    this.element.width = this.element.height = 0; // browsers free the picture late otherwise
  }

  // Compiling takes a moment; it goes on as it is until then.
  async #prepare() {
    this.#preparing ??= this.#player.prepareSketch();
    this.#ready = await this.#preparing;
    if (!this.#ready) this.#detail.refuse();
  }

  #tell() {
    for (const [name, points] of Object.entries(this.#player?.probes ?? {})) {
      for (const [frame, value] of points.splice(0)) this.onprobe(name, frame, value);
    }
  }
}

// The bytes of every large input by its hash.
async function fetched(program, arrays = {}) {
  const hashes = new Set(program.buffers.filter((b) => b.data).map((b) => b.data.sha256));
  return Object.fromEntries(await Promise.all([...hashes].map(async (hash) => {
    const given = arrays[hash];
    if (typeof given !== "string") return [hash, given];
    const answer = await fetch(given);
    if (!answer.ok) throw new Error(`${answer.status} ${given}`);
    return [hash, await answer.arrayBuffer()];
  })));
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
