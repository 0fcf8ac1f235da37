// A GpuProgram in the browser: the twin of program.py, bindings.py and the Python runner.
//
// The live canvas, the page a phone opens and the HTML export import this one file; it has no
// dependencies and no build step. A frame is steps_per_frame rounds of the `step` passes, each
// followed by the swaps, then the `draw` passes; frame 0 is drawn after `start`, before any round.
//
//   const player = await ProgramPlayer.create(program, { parameters: { speed: 2 }, seed: "7" });
//   await player.start();
//   while (playing) { await player.frame(); await player.present(canvas); }

const SCHEMA = 1;
const DEFAULT_SEED = "20260101";

// Bytes of one element; for these types also its alignment.
const SIZES = {
  "f32": 4, "i32": 4, "u32": 4, "atomic<u32>": 4, "atomic<i32>": 4,
  "vec2f": 8, "vec2u": 8, "vec4f": 16, "vec4u": 16,
};

const STANDARD_UNIFORMS = [
  ["frame", "u32"], ["step", "u32"], ["time", "f32"], ["dt", "f32"], ["seed", "u32"],
  ["width", "u32"], ["height", "u32"], ["yaw", "f32"], ["pitch", "f32"], ["distance", "f32"],
  ["zoom", "f32"], ["spin", "f32"], ["pan", "vec2f"], ["pointer", "vec4f"],
];

const FLOAT32_MAX = 3.4028234663852886e38;
const ARRAYS = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array };

// One submit should take less than this, so that stopping is quick and the page stays alive.
const SUBMIT_MS = 100;
// Bytes of buffers that may be kept aside while a moment between two frames is drawn.
const MOST_KEPT = 2 ** 28;
// Uniform blocks that may wait in one submit; a round never overwrites one still in use.
const SLOTS = 64;

// What is wrong with a program. `errors` lists {line, column, message}; line and column count from
// 1 in the program's own source and are null where the fault is not in it.
export class ProgramError extends Error {
  constructor(errors) {
    super(errors.map((e) => (e.line ? `${e.line}:${e.column} ` : "") + e.message).join("\n"));
    this.name = "ProgramError";
    this.errors = errors;
    this.line = errors[0].line;
    this.column = errors[0].column;
  }
}

const refuse = (message) => new ProgramError([{ line: null, column: null, message }]);

// [name, type] of every uniform in the order of the struct.
const members = (program) =>
  [...STANDARD_UNIFORMS, ...program.uniforms.map((u) => [u.name, u.type])];

// The generated WGSL: the uniform struct and all bindings of group 0.
export function header(program) {
  const lines = ["struct Uniforms {"];
  for (const [name, type] of members(program)) lines.push(`  ${name}: ${type},`);
  lines.push("}", "@group(0) @binding(0) var<uniform> uniforms: Uniforms;");
  program.buffers.forEach((buffer, index) => lines.push(
    `@group(0) @binding(${index + 1}) var<storage, read_write> ${buffer.name}: ` +
    `array<${buffer.type}>;`));
  return lines.join("\n") + "\n";
}

// {offsets: {name: [byte offset, type]}, size}: a member starts at a multiple of its alignment;
// the struct's size is rounded up to 16.
export function layout(program) {
  const offsets = {};
  let end = 0;
  for (const [name, type] of members(program)) {
    const start = Math.ceil(end / SIZES[type]) * SIZES[type];
    offsets[name] = [start, type];
    end = start + SIZES[type];
  }
  return { offsets, size: Math.ceil(end / 16) * 16 };
}

// The uniform block, little-endian, as a Uint8Array. `values` holds a number or a list for each
// name; a missing one is zero.
export function pack(program, values) {
  const { offsets, size } = layout(program);
  const view = new DataView(new ArrayBuffer(size));
  for (const [name, [offset, type]] of Object.entries(offsets)) {
    // A name such as `constructor` must not find what every object inherits.
    const value = Object.hasOwn(values, name) ? values[name] : 0;
    const list = Array.isArray(value) ? value : [value];
    if (type === "u32" || type === "i32") {
      // BigInt wraps a large number exactly as Python's `& 0xFFFFFFFF` does.
      const whole = BigInt(Math.trunc(Number(list[0])));
      view.setUint32(offset, Number(BigInt.asUintN(32, whole)), true);
    } else {
      const count = SIZES[type] / 4;
      for (let i = 0; i < count; i++) {
        view.setFloat32(offset + 4 * i, Number(list[i] ?? 0), true);
      }
    }
  }
  return new Uint8Array(view.buffer);
}

// A run's seed (decimal text or BigInt; a Number loses bits beyond 2^53) folded into 32 bits.
export function foldSeed(seed) {
  const whole = BigInt(seed);
  return Number(BigInt.asUintN(32, whole ^ (whole >> 32n)));
}

// The standard uniforms' values at one moment.
export function standardValues(program, { frame, step, seed, view }) {
  const camera = { ...program.view, ...view };
  return {
    frame, step, time: step * program.dt, dt: program.dt, seed: foldSeed(seed),
    width: program.width, height: program.height,
    yaw: camera.yaw + camera.spin * frame / program.frames_per_second,
    pitch: camera.pitch, distance: camera.distance, zoom: camera.zoom, spin: camera.spin,
    pan: camera.pan, pointer: camera.pointer ?? [0, 0, 0, 0],
  };
}

// Each own uniform's value with `$parameter` replaced.
export function bind(program, parameters) {
  const bound = {};
  for (const uniform of program.uniforms) {
    let value = uniform.value;
    if (typeof value === "string") {
      const parameter = value.slice(1);
      if (!Object.hasOwn(parameters, parameter)) {
        throw refuse(`uniform '${uniform.name}' needs parameter '${parameter}': it has no value`);
      }
      value = numberOf(parameters[parameter]);
    }
    if (!fits(uniform.type, value)) {
      throw refuse(`uniform '${uniform.name}' of type ${uniform.type} cannot hold ${value}`);
    }
    bound[uniform.name] = value;
  }
  return bound;
}

// A u32 wraps, nothing else does.
function fits(type, value) {
  const numbers = [value].flat();
  if (type === "i32") return numbers[0] >= -(2 ** 31) && numbers[0] < 2 ** 31;
  const most = type === "u32" ? 2 ** 53 : FLOAT32_MAX;
  return numbers.every((n) => Math.abs(n) <= most);
}

function numberOf(value) {
  if (typeof value !== "string") return Number(value);
  if (!/^#[0-9a-f]{6}$/i.test(value)) throw refuse(`'${value.slice(0, 80)}' is not a number`);
  return [...[1, 3, 5].map((i) => parseInt(value.slice(i, i + 2), 16) / 255), 1];
}

// The numbers that a probe's reduction turns into one.
const REDUCTIONS = {
  first: (numbers) => numbers[0],
  sum: (numbers) => numbers.reduce((a, b) => a + b, 0),
  mean: (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length,
  minimum: (numbers) => numbers.reduce((a, b) => Math.min(a, b)),
  maximum: (numbers) => numbers.reduce((a, b) => Math.max(a, b)),
};

// The bytes each buffer starts with, or null; they are what their hash says, or they are refused.
function checkedArrays(program, arrays) {
  return Promise.all(program.buffers.map(async (buffer) => {
    if (!buffer.data) return null;
    const bytes = arrays[buffer.data.sha256];
    if (bytes?.byteLength !== buffer.length * SIZES[buffer.type]) {
      throw refuse(`buffer '${buffer.name}' needs ${buffer.length * SIZES[buffer.type]} bytes, ` +
        `but got ${bytes?.byteLength ?? "none"}`);
    }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (hex !== buffer.data.sha256) throw refuse(`buffer '${buffer.name}': its data is damaged`);
    return bytes;
  }));
}

const componentType = (type) =>
  type.includes("u") ? Uint32Array : type.includes("i32") ? Int32Array : Float32Array;

// A device with the limits that a program needs beyond WebGPU's defaults.
export async function requestDevice(requires = {}) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw refuse("this browser offers no WebGPU here (it needs https or localhost)");
  const bytes = requires.maxStorageBufferBindingSize ?? 0;
  const needed = bytes > 2 ** 28 ? { maxBufferSize: bytes, ...requires } : requires;
  for (const [limit, wanted] of Object.entries(needed)) {
    if (!(adapter.limits[limit] >= wanted)) {
      throw refuse(`the program needs ${limit} = ${wanted}; this GPU has ${adapter.limits[limit]}`);
    }
  }
  return adapter.requestDevice({ requiredLimits: needed });
}

export class ProgramPlayer {
  probes = {}; // name → [[frame, number], …]
  index = -1; // of the frame drawn last; -1 before start()
  rounds = 0; // done since the start

  #device; #ownsDevice; #program; #parameters; #bound; #seed; #arrays; #view = {};
  #layout; #pipelines = new Map(); #buffers = []; #order = []; #groups = new Map();
  #uniforms; #stride; #slot = 0; #waiting = 0;
  #encoder = null; #pass = null; #recorded = 0; #budget = 16;
  #turn = Promise.resolve(); #lost = null; #screen = null;
  #shows = false; #shown = null; #staging = null; #copies = null;
  #done = 0; #ahead = 0; // rounds of the next frame that between() did, and how far it drew
  #complete; #given = null; // the program itself, and what it is in fewer pixels
  #aside = null; // of the two, what the one needs that is not in use: #home's
  #preparing = null;

  // Compiles a program. `arrays` maps the sha256 of each large input to its bytes. A device that is
  // given stays the caller's; otherwise the player asks for one with the limits it `requires`.
  // `sketch`: {program: what differs in a smaller picture, kept: buffers that it leaves alone}.
  static async create(program, options = {}) {
    const {
      device, parameters = {}, seed = DEFAULT_SEED, arrays = {}, sketch = null,
    } = options;
    if (program.schema !== SCHEMA) {
      throw refuse(`program of format ${program.schema}; this page understands ${SCHEMA}`);
    }
    const player = new ProgramPlayer();
    player.#program = player.#complete = program;
    player.#given = sketch;
    player.#parameters = { ...parameters };
    player.#bound = bind(program, parameters);
    player.#seed = seed;
    player.#arrays = await checkedArrays(program, arrays);
    player.#ownsDevice = !device;
    player.#device = device ?? await requestDevice(program.requires);
    player.#device.lost.then((info) => { player.#lost = info.message || info.reason; });
    try {
      player.#pipelines = await player.#compile(program);
      await player.#allocate();
    } catch (error) {
      player.destroy();
      throw error;
    }
    return player;
  }

  // Begins from zero: empty buffers, `start`, and frame 0, in all its pixels.
  start() {
    return this.#queue(async () => {
      if (this.sketched) this.#change();
      this.#reset();
      this.index = 0;
      await this.#round(this.#program.start);
      await this.#draw();
    });
  }

  // The next frame. It goes on after the program's last one: the caller knows when to end.
  frame() {
    return this.#queue(async () => {
      if (this.index < 0) throw refuse("call start() before frame()");
      await this.#advance(this.#program.steps_per_frame);
      this.index += 1;
      this.#done = this.#ahead = 0;
      await this.#draw();
    });
  }

  // Draws a moment between this frame and the next, for a display that is faster than the program
  // or a camera that was moved: `ahead` (0 to 1) of the next frame's rounds are done, never taken
  // back. The next frame() does the rest, and is what it would have been: whatever the drawing left
  // in the buffers (a trail, say) is undone. Probes are not read.
  between(ahead = this.#ahead) {
    return this.#queue(async () => {
      if (this.index < 0) throw refuse("call start() before between()");
      this.#ahead = Math.min(1, Math.max(this.#ahead, ahead));
      await this.#advance(Math.floor(this.#ahead * this.#program.steps_per_frame));
      const undo = this.#keep();
      await this.#round(this.#program.draw, this.index + this.#ahead);
      undo();
      [this.#shown] = await this.#flush(this.#picture());
    });
  }

  // Whether it draws in fewer pixels now.
  get sketched() {
    return this.#program !== this.#complete;
  }

  // Compiles the smaller program, while the other one is played on. False: there is none, or the
  // GPU refuses it.
  async prepareSketch() {
    if (!this.#given || this.#lost) return false;
    this.#preparing ??= this.#prepareSketch();
    return this.#preparing;
  }

  // From now on in fewer pixels, or in all of them again; what is computed goes on as it is. The
  // next frame() or between() shows it. It was prepared before.
  sketch(on) {
    return this.#queue(async () => {
      if (on === this.sketched) return;
      if (!this.#aside) throw refuse("call prepareSketch() before sketch()");
      const from = this.#home;
      this.#change();
      this.#carry(from, this.#home, on ? [] : this.#given.kept);
    });
  }

  // Begins again, with another seed if one is given.
  restart(seed = this.#seed) {
    this.#seed = seed;
    return this.start();
  }

  // A live parameter; acts from the next round on.
  setParameter(name, value) {
    const parameters = { ...this.#parameters, [name]: value };
    this.#bound = bind(this.#program, parameters);
    this.#parameters = parameters;
  }

  // Any of yaw, pitch, distance, zoom, spin, pan [x, y], pointer [x, y, buttons, over].
  setView(view) {
    this.#view = { ...this.#view, ...view };
  }

  // RGBA8, top-left first.
  async readPixels() {
    return new Uint8ClampedArray((await this.#read([this.#whole("pixels")]))[0]);
  }

  // {name, dtype, shape, data}: what the Python side saves as <name>.npy.
  async readOutput(name) {
    const output = this.#program.outputs.find((o) => o.name === name);
    if (!output) throw refuse(`the program has no output '${name}'`);
    const [bytes] = await this.#read([this.#whole(output.buffer)]);
    return { name, dtype: output.dtype, shape: output.shape, data: new ARRAYS[output.dtype](bytes) };
  }

  // Shows the frame on a canvas of the program's size; style scales it. The 2D context works
  // everywhere. A canvas that was given a `webgpu` context before is painted without leaving the
  // GPU; that is not the default because it takes a software adapter's GPU process down.
  async present(canvas) {
    const { width, height } = this.#program;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const flat = canvas.getContext("2d");
    if (!flat) return this.#queue(() => this.#paint(canvas.getContext("webgpu")));
    this.#shows = true;
    const pixels = this.#shown ? new Uint8ClampedArray(this.#shown) : await this.readPixels();
    flat.putImageData(new ImageData(pixels, width, height), 0, 0);
  }

  destroy() {
    const { buffers = [], copies = [] } = this.#aside ?? {};
    for (const buffer of [
      ...this.#buffers, ...this.#copies ?? [], ...buffers, ...copies ?? [], this.#uniforms,
      this.#staging,
    ]) buffer?.destroy();
    this.#aside = null;
    if (this.#ownsDevice) this.#device?.destroy();
    // A device that lives on keeps whoever asked to hear of its end, but not the large inputs.
    this.#buffers = this.#arrays = [];
    this.#groups.clear();
    this.#pipelines.clear();
    this.#lost = "it was destroyed";
  }

  // One thing at a time: a picture is never read in the middle of a frame.
  #queue(work) {
    const done = this.#turn.then(() => {
      if (this.#lost) throw refuse(`the GPU is gone: ${this.#lost}`);
      return work();
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  // What belongs to one of the two sizes: the rest is shared.
  get #home() {
    return {
      program: this.#program, pipelines: this.#pipelines, buffers: this.#buffers,
      groups: this.#groups, copies: this.#copies,
    };
  }

  set #home({ program, pipelines, buffers, groups, copies }) {
    this.#program = program;
    this.#pipelines = pipelines;
    this.#buffers = buffers;
    this.#groups = groups;
    this.#copies = copies;
    this.#shown = null;
  }

  #change() {
    [this.#home, this.#aside] = [this.#aside, this.#home];
  }

  // Makes room for what belongs to the pixels of the smaller program, and compiles it.
  async #prepareSketch() {
    const whole = this.#complete, buffers = this.#buffers, device = this.#device;
    const program = { ...whole, ...this.#given.program };
    let made = [];
    try {
      const pipelines = await this.#compile(program);
      if (this.#lost) return false;
      device.pushErrorScope("out-of-memory");
      made = program.buffers.map((b, i) => b.length === whole.buffers[i].length ? buffers[i]
        : device.createBuffer({ label: b.name, size: b.length * SIZES[b.type], usage: USAGE() }));
      const full = await device.popErrorScope();
      if (full || this.#lost) throw refuse(full?.message ?? "the GPU is gone");
      this.#aside = { program, pipelines, buffers: made, groups: new Map(), copies: null };
      return true;
    } catch {
      made.forEach((buffer, i) => buffer !== buffers[i] && buffer.destroy());
      return false;
    }
  }

  // Brings what lies in the pixels of one size over to the other: of each buffer so many words a
  // pixel, the nearest ones, and the rest as it is. Of the buffers in `kept` only the rest; what is
  // not laid out like that is drawn anew each time.
  #carry(from, to, kept) {
    const encoder = this.#device.createCommandEncoder();
    const area = ({ width, height }) => width * height;
    const pixels = area(from.program) - area(to.program);
    from.program.buffers.forEach((buffer, i) => {
      if (from.buffers[i] === to.buffers[i] || buffer.name === "pixels") return;
      const words = (buffer.length - to.program.buffers[i].length) / pixels * SIZES[buffer.type] / 4;
      const end = 4 * words * area(from.program), there = 4 * words * area(to.program);
      if (!(Number.isInteger(words) && words > 0 && end <= from.buffers[i].size)) return;
      if (end < from.buffers[i].size) {
        encoder.copyBufferToBuffer(from.buffers[i], end, to.buffers[i], there,
          from.buffers[i].size - end);
      }
      if (!kept.includes(buffer.name)) {
        this.#resample(encoder, from.buffers[i], from.program, to.buffers[i], to.program, words);
      }
    });
    this.#device.queue.submit([encoder.finish()]);
  }

  #resample(encoder, source, { width, height }, target, { width: wide, height: high }, words) {
    const device = this.#device;
    const module = device.createShaderModule({ code: `
      @group(0) @binding(0) var<storage, read> given: array<u32>;
      @group(0) @binding(1) var<storage, read_write> made: array<u32>;
      @compute @workgroup_size(8, 8) fn resample(@builtin(global_invocation_id) id: vec3u) {
        if (id.x >= ${wide}u || id.y >= ${high}u) { return; }
        let x = (2u * id.x + 1u) * ${width}u / ${2 * wide}u;
        let y = (2u * id.y + 1u) * ${height}u / ${2 * high}u;
        for (var k = 0u; k < ${words}u; k++) {
          made[${words}u * (id.y * ${wide}u + id.x) + k] = given[${words}u * (y * ${width}u + x) + k];
        }
      }` });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [source, target].map((buffer, binding) => ({ binding, resource: { buffer } })),
    }));
    pass.dispatchWorkgroups(Math.ceil(wide / 8), Math.ceil(high / 8));
    pass.end();
  }

  async #compile(program) {
    const device = this.#device;
    const head = header(program);
    const above = head.split("\n").length - 1;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: head + program.source });
    const scope = device.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const errors = messages.filter((m) => m.type === "error").map((m) => m.lineNum > above
      ? { line: m.lineNum - above, column: m.linePos, message: m.message }
      : { line: null, column: null, message: m.message });
    if (errors.length) throw new ProgramError(errors);
    const problem = await scope;
    if (problem) throw refuse(problem.message);

    // An explicit layout: an entry point need not use every binding.
    const entry = (binding, buffer) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer });
    this.#layout = device.createBindGroupLayout({ entries: [
      entry(0, { type: "uniform", hasDynamicOffset: true }),
      ...program.buffers.map((_, i) => entry(i + 1, { type: "storage" })),
    ] });
    const shared = device.createPipelineLayout({ bindGroupLayouts: [this.#layout] });
    const passes = [...program.start, ...program.step, ...program.draw], pipelines = new Map();
    const unique = new Map(passes.map((pass) => [pipelineKey(pass), pass]));
    await Promise.all([...unique].map(async ([key, { entry: entryPoint, constants }]) => {
      try {
        pipelines.set(key, await device.createComputePipelineAsync({
          layout: shared, compute: { module, entryPoint, constants },
        }));
      } catch (error) {
        throw refuse(`entry point '${entryPoint}': ${error.message}`);
      }
    }));
    return pipelines;
  }

  async #allocate() {
    const device = this.#device, program = this.#program;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    const usage = USAGE();
    this.#buffers = program.buffers.map((b) =>
      device.createBuffer({ label: b.name, size: b.length * SIZES[b.type], usage }));
    const align = device.limits.minUniformBufferOffsetAlignment;
    this.#stride = Math.ceil(layout(program).size / align) * align;
    this.#uniforms = device.createBuffer({
      size: this.#stride * SLOTS, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const problems = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
    for (const problem of problems) if (problem) throw refuse(problem.message);
  }

  #reset() {
    const encoder = this.#device.createCommandEncoder();
    for (const buffer of this.#buffers) encoder.clearBuffer(buffer);
    this.#device.queue.submit([encoder.finish()]);
    this.#arrays.forEach((bytes, i) => {
      if (bytes) this.#device.queue.writeBuffer(this.#buffers[i], 0, bytes);
    });
    this.#order = this.#buffers.map((_, i) => i);
    this.rounds = this.#done = this.#ahead = 0;
    this.probes = Object.fromEntries(this.#program.probes.map((probe) => [probe.name, []]));
  }

  #position(name) {
    const position = this.#program.buffers.findIndex((b) => b.name === name);
    if (position < 0) throw refuse(`the program has no buffer '${name}'`);
    return position;
  }

  #swap(first, second) {
    const a = this.#position(first), b = this.#position(second);
    [this.#order[a], this.#order[b]] = [this.#order[b], this.#order[a]];
  }

  // One bind group for each order of the buffers that swapping brings about.
  #group() {
    const key = this.#order.join();
    if (!this.#groups.has(key)) {
      const size = layout(this.#program).size;
      this.#groups.set(key, this.#device.createBindGroup({ layout: this.#layout, entries: [
        { binding: 0, resource: { buffer: this.#uniforms, size } },
        ...this.#order.map((at, i) =>
          ({ binding: i + 1, resource: { buffer: this.#buffers[at] } })),
      ] }));
    }
    return this.#groups.get(key);
  }

  // The view; the pointer counts in pixels of the whole picture.
  get #seen() {
    const { pointer } = this.#view;
    if (!this.sketched || !pointer) return this.#view;
    const { width, height } = this.#complete, { width: wide, height: high } = this.#program;
    const [x, y, ...rest] = pointer;
    return { ...this.#view, pointer: [x * wide / width, y * high / height, ...rest] };
  }

  // Records a copy of all that is not the picture; the function that it returns records its way
  // back. A program too large to be had twice goes without.
  #keep() {
    const pixels = this.#order[this.#program.buffers.findIndex((b) => b.name === "pixels")];
    const kept = this.#buffers.map((buffer, i) => [buffer, i]).filter(([, i]) => i !== pixels);
    if (kept.reduce((sum, [buffer]) => sum + buffer.size, 0) > MOST_KEPT) return () => {};
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#copies ??= this.#buffers.map(({ size }, i) =>
      i === pixels ? null : this.#device.createBuffer({ size, usage }));
    const copies = this.#copies;
    const record = (copy) => {
      this.#pass?.end();
      this.#pass = null;
      this.#encoder ??= this.#device.createCommandEncoder();
      for (const [buffer, i] of kept) copy(buffer, copies[i]);
    };
    record((buffer, copy) =>
      this.#encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size));
    return () => record((buffer, copy) =>
      this.#encoder.copyBufferToBuffer(copy, 0, buffer, 0, buffer.size));
  }

  // Does the rounds of the next frame until `rounds` of them are done.
  async #advance(rounds) {
    for (; this.#done < rounds; this.#done += 1) {
      await this.#round(this.#program.step, this.index + 1);
      for (const [a, b] of this.#program.swaps) this.#swap(a, b);
      this.rounds += 1;
    }
  }

  // Records passes with the uniforms of this moment.
  async #round(passes, frame = this.index) {
    if (!passes.length) return;
    if (this.#waiting >= SLOTS - 1) await this.#flush();
    this.#waiting += 1;
    this.#shown = null;
    this.#slot = (this.#slot + 1) % SLOTS;
    const offset = this.#slot * this.#stride;
    this.#device.queue.writeBuffer(this.#uniforms, offset, pack(this.#program, {
      ...standardValues(this.#program, {
        frame, step: this.rounds, seed: this.#seed, view: this.#seen,
      }),
      ...this.#bound,
    }));
    for (const pass of passes) {
      for (let i = 0; i < pass.repeat; i++) {
        this.#encoder ??= this.#device.createCommandEncoder();
        this.#pass ??= this.#encoder.beginComputePass();
        this.#pass.setPipeline(this.#pipelines.get(pipelineKey(pass)));
        this.#pass.setBindGroup(0, this.#group(), [offset]);
        this.#pass.dispatchWorkgroups(...pass.dispatch);
        if (++this.#recorded >= this.#budget) await this.#flush();
      }
    }
  }

  // Submits what is recorded, waits for it, and learns how much fits into one submit. Returns the
  // bytes of `ranges` of buffers as they are then, in the same trip.
  async #flush(ranges = []) {
    if (!this.#encoder) return this.#copy(ranges);
    const device = this.#device, full = this.#recorded >= this.#budget, began = performance.now();
    device.pushErrorScope("validation");
    this.#pass?.end();
    const taken = this.#record(this.#encoder, ranges);
    device.queue.submit([this.#encoder.finish()]);
    const scope = device.popErrorScope();
    this.#pass = this.#encoder = null;
    this.#recorded = this.#waiting = 0;
    const [bytes, problem] = await Promise.all([
      ranges.length ? taken() : device.queue.onSubmittedWorkDone().then(() => []), scope,
    ].map((work) => work.catch((error) => error)));
    if (problem instanceof Error) throw problem;
    if (problem) throw refuse(problem.message);
    if (this.#lost) throw refuse(`the GPU is gone: ${this.#lost}`);
    if (bytes instanceof Error) throw bytes;
    const took = performance.now() - began;
    if (took > SUBMIT_MS) this.#budget = Math.max(1, this.#budget >> 1);
    else if (full && took < SUBMIT_MS / 4) this.#budget = Math.min(4096, this.#budget * 2);
    return bytes;
  }

  async #draw() {
    await this.#round(this.#program.draw);
    const due = this.#program.probes.filter((probe) => this.index % probe.every === 0);
    const bytes = await this.#flush([...due.map((probe) => ({
      position: this.#position(probe.buffer), offset: 4 * probe.offset,
      size: 4 * ((probe.count - 1) * probe.stride + 1),
    })), ...this.#picture()]);
    this.#shown = bytes[due.length];
    due.forEach((probe, i) => {
      const type = this.#program.buffers[this.#position(probe.buffer)].type;
      const numbers = Array.from(new (componentType(type))(bytes[i]))
        .filter((_, at) => at % probe.stride === 0);
      const number = REDUCTIONS[probe.reduction](numbers) * probe.scale;
      this.probes[probe.name].push([this.index, number]);
    });
  }

  // What is read with every drawing, once somebody looks at them all.
  #picture() {
    return this.#shows && this.#program.draw.length ? [this.#whole("pixels")] : [];
  }

  #whole(name) {
    const position = this.#position(name);
    return { position, offset: 0, size: this.#buffers[position].size };
  }

  #read(ranges) {
    return this.#queue(() => this.#copy(ranges));
  }

  // The bytes of ranges of buffers, all in one trip.
  async #copy(ranges) {
    if (!ranges.length) return [];
    const encoder = this.#device.createCommandEncoder();
    const taken = this.#record(encoder, ranges);
    this.#device.queue.submit([encoder.finish()]);
    return taken();
  }

  // Records the copying; the function that it returns waits for the bytes after the submit. Only
  // one thing is done at a time, so one buffer to read from is enough.
  #record(encoder, ranges) {
    const total = ranges.reduce((sum, range) => sum + range.size, 0);
    if (total > (this.#staging?.size ?? 0)) {
      this.#staging?.destroy();
      this.#staging = this.#device.createBuffer({
        size: total, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
    }
    const staging = this.#staging;
    let end = 0;
    const starts = ranges.map(({ position, offset, size }) => {
      const source = this.#buffers[this.#order[position] ?? position];
      encoder.copyBufferToBuffer(source, offset, staging, end, size);
      return (end += size) - size;
    });
    return async () => {
      await staging.mapAsync(GPUMapMode.READ);
      const mapped = staging.getMappedRange();
      const bytes = starts.map((start, i) => mapped.slice(start, start + ranges[i].size));
      staging.unmap();
      return bytes;
    };
  }

  // A triangle over the whole canvas that reads `pixels`: the bytes are sRGB and stay as they are.
  #paint(context) {
    const device = this.#device, format = navigator.gpu.getPreferredCanvasFormat();
    if (this.#screen?.context !== context) {
      context.configure({ device, format, alphaMode: "opaque" });
      const module = device.createShaderModule({ code: `
        @group(0) @binding(0) var<storage, read> pixels: array<u32>;
        @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
          return vec4f(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
        }
        @fragment fn colour(@builtin(position) at: vec4f) -> @location(0) vec4f {
          return unpack4x8unorm(pixels[u32(at.y) * ${this.#program.width}u + u32(at.x)]);
        }` });
      this.#screen = { context, pipeline: device.createRenderPipeline({
        layout: "auto", vertex: { module }, fragment: { module, targets: [{ format }] },
      }) };
    }
    const buffer = this.#buffers[this.#order[this.#position("pixels")]];
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass({ colorAttachments: [{
      view: context.getCurrentTexture().createView(), loadOp: "clear", storeOp: "store",
    }] });
    pass.setPipeline(this.#screen.pipeline);
    pass.setBindGroup(0, device.createBindGroup({
      layout: this.#screen.pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    }));
    pass.draw(3);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }
}

// Of a program's buffers; the names are not there before a browser has WebGPU.
const USAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

const pipelineKey = (pass) => `${pass.entry} ${JSON.stringify(pass.constants)}`;
