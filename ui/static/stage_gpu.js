// A stage's first choice: the program on the viewer's own GPU.
//
// A source that is `driven` has no clock of its own; the pace calls advance(), glide() and show().

import { ProgramPlayer } from "./program.js";
import { acquireDevice } from "./stage_device.js";

const OPEN_MS = 30_000;

export class GpuSource {
  kind = "gpu";
  driven = true;
  can = new Set(["play", "step", "restart", "speed", "seek", "view", "shot", "record"]);
  element = document.createElement("canvas");
  device = "";
  cost = 0; // milliseconds a frame takes, lately
  onlost = () => {};
  onprobe = () => {};

  #job; #player = null; #lease = null; #seen = new Map(); #gone = false; #glides = false;

  // job: {program, parameters, seed, arrays: sha256 → address or bytes}
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

  async open() {
    const { program, parameters, seed, arrays } = this.#job;
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
        device: lease.device, parameters, seed, arrays: bytes,
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
    for (let i = 0; i < count && !this.#gone; i++) {
      const began = performance.now();
      await this.#player.frame();
      const took = performance.now() - began;
      this.cost = this.cost ? this.cost * 0.8 + took * 0.2 : took;
    }
    this.#tell();
  }

  // Whether a moment between two frames looks other than the first of them.
  get glides() {
    return this.#glides;
  }

  async glide(ahead) {
    if (!this.#gone) await this.#player.between(ahead);
  }

  async show() {
    if (!this.#gone) await this.#player.present(this.element);
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
    this.#player?.destroy();
    this.#player = null;
    this.#lease?.release();
    this.element.width = this.element.height = 0; // browsers free the picture late otherwise
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
