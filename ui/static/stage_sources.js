// Which sources a stage may have, best first, and how each is made.

import { webGpuIsMissing } from "./stage_device.js";
import { FilmSource } from "./stage_film.js";
import { GpuSource } from "./stage_gpu.js";
import { SocketSource } from "./stage_socket.js";
import { usedByProgram } from "./stage_view.js";

const SEED = "20260101";
const ALL_VIEW = new Set(["yaw", "pitch", "distance", "zoom", "pan", "pointer"]);

// The kinds that the options allow, best first. While a run goes on it has the server's GPU, and a
// live view there would only wait for it and slow it down: its own frames come before.
export function kindsOf({ program, socketUrl, framesUrl, film }) {
  const kinds = [];
  if (program && !webGpuIsMissing()) kinds.push("gpu");
  if (framesUrl) kinds.push("frames");
  if (socketUrl) kinds.push("server");
  if (film) kinds.push("film");
  return kinds;
}

// now: {parameters, playing, speed}
export function makeSource(kind, options, now) {
  const { program, seed = SEED, arrays, sketch, socketUrl, framesUrl, film } = options;
  const job = { ...now, seed };
  if (kind === "gpu") return new GpuSource({ ...job, program, arrays, sketch });
  if (kind === "film") {
    return new FilmSource(film, { ...job, framesPerSecond: program?.frames_per_second });
  }
  return new SocketSource(kind, kind === "server" ? socketUrl : framesUrl, job);
}

// What of the view reaches the program through a source; a server's program may be unknown here.
export function viewOf(kind, program) {
  if (kind === "gpu" || (kind === "server" && program)) return usedByProgram(program);
  return kind === "server" ? ALL_VIEW : new Set();
}
