// A phone's work, off the page's thread: its key, its line to the hub, and its GPU.
//
// The page says {do: "look" | "join" | "line" | "rest" | "leave"}; it is told {tell: …} of all that
// happens. The hub's messages are JSON, bytes follow the message that announces them.

import { ProgramPlayer, requestDevice } from "./program.js";
import { base64, ownKey } from "./phone_key.js";
import { Heat } from "./phone_rules.js";

const STATE_MS = 500;
const PIECE = 2 ** 20;
const MOST_WAITING = 8 * 2 ** 20; // bytes in the socket before the next frame is drawn
const SHOW_MS = 80;
const AGAIN_MS = [500, 1000, 2000, 5000];
const REST_MS = 60_000;

// The small piece of work that is measured: the same every time.
const MEASURE = {
  schema: 1, source: `
    @compute @workgroup_size(64) fn turn(@builtin(global_invocation_id) at: vec3u) {
      var x = f32(at.x) * 1e-4;
      for (var i = 0u; i < 200u; i++) { x = sin(x) * 1.5 + cos(x * 0.7); }
      cells[at.x] = x;
    }`,
  uniforms: [], buffers: [{ name: "cells", type: "f32", length: 65536 }], start: [], draw: [],
  step: [{ entry: "turn", dispatch: [1024, 1, 1], constants: {}, repeat: 1 }],
  swaps: [], outputs: [], probes: [], steps_per_frame: 1, frames: 1, frames_per_second: 1,
  width: 1, height: 1, dt: 1, requires: {},
  view: { yaw: 0, pitch: 0, distance: 1, zoom: 1, spin: 0, pan: [0, 0] },
};

let key = null, socket = null, fingerprint = "", name = "", device = null, gpu = "";
let rest = "owner", hot = false, tries = 0, leaving = false;
let work = null; // what is computed now: {nonce, stopped}
let given = null; // arrays that still come in: {work, left: [[sha, size]], pieces}
const made = new Set(); // nonces of tasks that this phone has computed
const heat = new Heat();

const tell = (what, facts = {}, moved = []) => postMessage({ tell: what, ...facts }, moved);
const say = (message) => {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

onmessage = async ({ data }) => {
  try {
    if (data.do === "look") await look(data);
    else if (data.do === "join") await join(data);
    else if (data.do === "line") line();
    else if (data.do === "rest") setRest(data.why);
    else if (data.do === "leave") leave();
  } catch (error) {
    tell("trouble", { code: "failed", what: String(error?.message ?? error) });
  }
};

// What this browser can do, before anything is asked of it.
async function look(told) {
  fingerprint = told.fingerprint;
  name = told.name;
  if (!navigator.gpu) return tell("able", { able: false, why: "no_gpu" });
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return tell("able", { able: false, why: "no_gpu" });
  const info = adapter.info ?? {};
  gpu = [info.description || info.device, info.vendor, info.architecture].filter(Boolean)
    .filter((word, i, all) => all.indexOf(word) === i).join(" · ").slice(0, 200);
  try {
    key = await ownKey();
  } catch {
    return tell("able", { able: false, why: "no_key" });
  }
  tell("able", { able: true, gpu, id: key.id });
}

// Redeems an invite: one key, once.
async function join({ token, name: called }) {
  name = called;
  const text = JSON.stringify({ schema: 1, kind: "joining", token, fingerprint, name });
  const bytes = new TextEncoder().encode(text), body = new Uint8Array(64 + bytes.length);
  body.set(await key.sign(bytes));
  body.set(bytes, 64);
  const answer = await fetch("/join", {
    method: "POST", body, headers: { "Intentos-Key": key.id }, cache: "no-store",
  });
  const told = await answer.json();
  if (!answer.ok) return tell("trouble", { code: told.why, what: told.why });
  tell("joined", { owner: told.owner });
}

function line() {
  leaving = false;
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  const opened = socket = new WebSocket(`wss://${location.host}/phone`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = async ({ data }) => {
    if (opened !== socket) return;
    try {
      await (typeof data === "string" ? hear(JSON.parse(data)) : take(new Uint8Array(data)));
    } catch (error) {
      tell("trouble", { code: "failed", what: String(error?.message ?? error) });
    }
  };
  socket.onclose = ({ code }) => {
    if (opened !== socket) return;
    stop();
    if (code === 4403 || code === 4401) return tell("out", { code });
    tell("line", { up: false });
    if (!leaving && code !== 4409) {
      setTimeout(() => { if (!leaving) line(); }, AGAIN_MS[Math.min(tries++, 3)]);
    }
  };
}

function leave() {
  leaving = true;
  stop();
  socket?.close();
}

async function hear(message) {
  if (message.kind === "nonce") {
    const signature = base64(await key.sign(`intentos phone ${fingerprint} ${message.nonce}`));
    say({ kind: "proof", id: key.id, signature, name, device: gpu });
  } else if (message.kind === "welcome") {
    tries = 0;
    say({ kind: "state", paused: reason() });
    tell("line", { up: true, owner: message.owner });
  } else if (message.kind === "work") {
    given = { work: message, left: [...message.arrays], pieces: [], got: 0, arrays: {} };
    await begin();
  } else if (message.kind === "over") {
    if (work?.nonce === message.nonce) stop();
  } else if (message.kind === "sign") {
    // Only what it has computed itself, and only as the answer to that.
    const done = JSON.parse(message.text);
    const own = done.kind === "done" && done.nonce === message.nonce &&
      (done.outcome !== "result" || made.has(message.nonce));
    if (!own) throw new Error("the hub asked for a signature under something else");
    say({ kind: "signed", nonce: message.nonce, signature: base64(await key.sign(message.text)) });
    if (done.outcome === "result") tell("done", { status: done.result.status });
  }
}

// Bytes of an array that the program starts from.
async function take(bytes) {
  if (!given?.left.length) return;
  given.pieces.push(bytes);
  given.got += bytes.length;
  await begin();
}

async function begin() {
  for (; given.left.length && given.got >= given.left[0][1]; given.left.shift()) {
    const [sha, size] = given.left[0], whole = new Uint8Array(size);
    let end = 0;
    for (const piece of given.pieces) { whole.set(piece, end); end += piece.length; }
    given.arrays[sha] = whole;
    given.pieces = [];
    given.got = 0;
  }
  if (given.left.length) return;
  const { work: task, arrays } = given;
  given = null;
  compute(task, arrays);
}

async function compute(task, arrays) {
  stop();
  const own = work = { nonce: task.nonce, stopped: false };
  const { program, nonce } = task;
  let player = null;
  try {
    if (reason()) throw new Error("resting");
    if (await measure()) return;
    if (own.stopped) return;
    const plain = Object.keys(program.requires).length === 0;
    if (plain) await ready();
    player = await ProgramPlayer.create(program, {
      device: plain ? device : null, parameters: task.values, seed: task.seed, arrays });
    say({ kind: "device", nonce, text: gpu || "WebGPU" });
    tell("begun", { frames: program.frames, width: program.width, height: program.height });
    await player.start();
    let shown = 0;
    for (let index = 0; ; index++) {
      const pixels = program.draw.length ? await player.readPixels() : new Uint8Array(0);
      if (own.stopped) return;
      const probes = {};
      for (const [probe, pairs] of Object.entries(player.probes)) {
        const last = pairs.at(-1);
        if (last?.[0] === index) probes[probe] = spelled(last[1]);
      }
      say({ kind: "frame", nonce, index, probes, bytes: pixels.byteLength });
      give(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
      if (performance.now() - shown > SHOW_MS || index + 1 === program.frames) {
        shown = performance.now();
        tell("frame", { index, frames: program.frames, width: program.width,
          height: program.height, pixels: pixels.byteLength ? pixels : null });
      }
      while (socket.bufferedAmount > MOST_WAITING && !own.stopped) {
        await new Promise((go) => setTimeout(go, 10));
      }
      if (own.stopped) return;
      if (index + 1 === program.frames) break;
      await player.frame();
    }
    for (const { name: output } of program.outputs) {
      const { data } = await player.readOutput(output);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      say({ kind: "output", nonce, name: output, bytes: bytes.length });
      give(bytes);
    }
    if (own.stopped) return;
    made.add(nonce);
    say({ kind: "done", nonce });
  } catch (error) {
    device = null; // whatever it was, the next task begins with a fresh one
    const what = String(error?.message ?? error).slice(0, 1900);
    if (!own.stopped) say({ kind: "failed", nonce, what });
    if (!reason()) tell("trouble", { code: "failed", what });
  } finally {
    player?.destroy();
    if (work === own) work = null;
    tell("idle");
  }
}

const spelled = (number) => (Number.isFinite(number) ? number : String(number));

function give(bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) socket.send(bytes.subarray(at, at + PIECE));
}

async function ready() {
  if (device) return;
  const fresh = device = await requestDevice();
  fresh.lost.then(() => { if (device === fresh) device = null; });
}

// Measures the phone; true: it is too hot to go on, and rests for a minute.
async function measure() {
  await ready();
  const player = await ProgramPlayer.create(MEASURE, { device });
  try {
    await player.start();
    await player.frame();
    const began = performance.now();
    await player.frame();
    if (!heat.add(performance.now() - began)) return false;
  } finally {
    player.destroy();
  }
  hot = true;
  say({ kind: "state", paused: reason() });
  tell("hot", { hot });
  setTimeout(() => { hot = false; tell("hot", { hot }); }, REST_MS);
  return true;
}

function stop() {
  if (work) work.stopped = true;
  work = given = null;
}

// The page's own reasons come first: among them the person's.
const reason = () => rest || (hot ? "hot" : "");

function setRest(why) {
  rest = why;
  if (reason()) stop();
  say({ kind: "state", paused: reason() });
}

setInterval(() => say({ kind: "state", paused: reason() }), STATE_MS);
