// How a person looks at a stage: turn, zoom, move, point; by mouse, touch and keys.
//
// What the program's camera understands goes to the program. Zooming and moving that it does not
// understand acts on the shown picture, as through a lens. `pan` counts in shorter sides of the
// picture, right and down, after the zoom.

const TURN = 0.008; // radians a pixel
const STEEPEST = 1.5; // radians up or down
const ZOOM = { program: [0.1, 10_000], lens: [1, 16] };
const KEY_TURN = 0.12, KEY_MOVE = 0.06, KEY_ZOOM = 1.15;
const WHEEL = 0.0015; // of the logarithm of the zoom, a pixel of the wheel

const NAMES = ["yaw", "pitch", "distance", "zoom", "pan", "pointer"];

// Kernels that count `pan` in a way of their own, upwards above all. `across` and `down` are the
// picture's sides over its shorter one.
const PANS = {
  pixels: ([x, y]) => [2 * x, -2 * y],
  field: ([x, y], { across, down }) => [x / across, -y / down],
  fluid: ([x, y], { across, down, zoom }) => [x / across / zoom, -y / down / zoom],
};
// `scene` moves what is looked at, along the world's own axes: there the lens does better.
const NO_PAN = new Set(["scene"]);

// The parts of the view that a program's source reads.
export function usedByProgram(program) {
  const used = new Set(NAMES.filter((name) =>
    new RegExp(`\\buniforms\\s*\\.\\s*${name}\\b`).test(program?.source ?? "")));
  if (NO_PAN.has(program?.name)) used.delete("pan");
  return used;
}

export class View {
  // base: the program's own view; uses: what it understands; onchange(view, lens)
  constructor(onchange) {
    this.onchange = onchange;
    this.uses = new Set();
    this.base = { yaw: 0, pitch: 0, distance: 3, zoom: 1, pan: [0, 0] };
    this.#clear();
  }

  #pan = (pan) => [...pan];

  #clear() {
    const { yaw, pitch, distance, zoom, pan } = this.base;
    this.now = { yaw, pitch, distance, zoom, pan: [...pan] };
    this.lens = { zoom: 1, pan: [0, 0] };
  }

  // program: what is looked at, if it is known; uses: what it understands of a view
  adopt(program, uses) {
    this.base = { ...this.base, ...program?.view };
    this.uses = uses;
    const { width = 1, height = 1, name = "" } = program ?? {}, side = Math.min(width, height);
    const sizes = { across: width / side, down: height / side };
    const count = Object.hasOwn(PANS, name) ? PANS[name] : null;
    this.#pan = count ? (pan) => count(pan, { ...sizes, zoom: this.now.zoom }) : (pan) => [...pan];
    this.#clear();
  }

  get orbits() {
    return this.uses.has("yaw");
  }

  get moved() {
    const { yaw, pitch, distance, zoom, pan } = this.base, { now, lens } = this;
    return now.yaw !== yaw || now.pitch !== pitch || now.distance !== distance ||
      now.zoom !== zoom || now.pan[0] !== pan[0] || now.pan[1] !== pan[1] ||
      lens.zoom !== 1 || lens.pan[0] !== 0 || lens.pan[1] !== 0;
  }

  reset() {
    this.#clear();
    this.#tell();
  }

  // What another stage shows, shown here too.
  follow(other) {
    const { now, lens } = other;
    this.now = { ...now, pan: [...now.pan] };
    this.lens = { zoom: lens.zoom, pan: [...lens.pan] };
    this.#tell(false);
  }

  turn(across, down) {
    if (!this.orbits) return this.move(across / 400, down / 400);
    this.now.yaw += across * TURN;
    if (this.uses.has("pitch")) {
      this.now.pitch = clamp(this.now.pitch + down * TURN, -STEEPEST, STEEPEST);
    }
    this.#tell();
  }

  // In shorter sides of the picture.
  move(right, down) {
    const pan = this.uses.has("pan") ? this.now.pan : this.lens.pan;
    pan[0] += right;
    pan[1] += down;
    this.#tell();
  }

  // `at`: what stays where it is, from the picture's middle in shorter sides.
  zoom(factor, at = [0, 0]) {
    const { now, lens, uses } = this;
    let done;
    if (uses.has("zoom")) {
      const before = now.zoom;
      now.zoom = clamp(before * factor, ...ZOOM.program);
      done = now.zoom / before;
    } else if (uses.has("distance")) {
      const before = now.distance;
      now.distance = clamp(before / factor, 0.2, 100);
      done = before / now.distance;
    } else {
      const before = lens.zoom;
      lens.zoom = clamp(before * factor, ...ZOOM.lens);
      done = lens.zoom / before;
    }
    if (!this.orbits) {
      const pan = uses.has("pan") ? now.pan : lens.pan;
      for (const i of [0, 1]) pan[i] = at[i] - (at[i] - pan[i]) * done;
    }
    this.#tell();
  }

  // x, y in pixels of the picture, whether a button is down, whether it is over the picture.
  point(pointer) {
    if (this.uses.has("pointer")) this.onchange({ pointer }, null, true);
  }

  #tell(own = true) {
    const { lens } = this;
    const most = lens.zoom / 2; // the picture's edge never gets past the middle
    if (lens.zoom === 1 && !this.uses.has("zoom") && !this.uses.has("distance")) lens.pan = [0, 0];
    lens.pan = lens.pan.map((value) => clamp(value, -most, most));
    const view = Object.fromEntries(Object.entries(this.now)
      .filter(([name]) => this.uses.has(name))
      .map(([name, value]) => [name, name === "pan" ? this.#pan(value) : value]));
    this.onchange(view, lens, own);
  }
}

// Listens on `area`; `picture()` is the rectangle of the picture on the screen and its size in its
// own pixels. `scrolls`: the page scrolls, so the wheel needs Ctrl unless the stage has the focus.
// Returns a function that stops listening.
export function gestures(area, view, { picture, scrolls = false }) {
  const fingers = new Map();
  const stop = new AbortController();
  const listen = (name, act, options = {}) =>
    area.addEventListener(name, act, { signal: stop.signal, ...options });
  const unit = () => Math.min(picture().width, picture().height) || 1;
  const place = (event) => {
    const rect = picture();
    return [(event.clientX - rect.left - rect.width / 2) / unit(),
      (event.clientY - rect.top - rect.height / 2) / unit()];
  };
  const point = (event, over) => {
    const rect = picture();
    const x = (event.clientX - rect.left) / (rect.width || 1) * rect.columns;
    const y = (event.clientY - rect.top) / (rect.height || 1) * rect.rows;
    const inside = x >= 0 && y >= 0 && x < rect.columns && y < rect.rows;
    view.point([x, y, event.buttons ? 1 : 0, over && inside ? 1 : 0]);
  };

  listen("pointerdown", (event) => {
    if (event.target.closest("button, select, a, input")) return;
    if (event.button === 2) return;
    area.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    area.classList.add("stage-frame--held");
    point(event, true);
  });
  listen("pointermove", (event) => {
    point(event, true);
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (fingers.size === 1) {
      const [across, down] = [now[0] - before[0], now[1] - before[1]];
      const moves = event.shiftKey || event.buttons === 4 || !view.orbits;
      // A program that follows the pointer and has no camera is played with, not moved.
      if (!view.orbits && view.uses.has("pointer") && !event.shiftKey && event.buttons !== 4) {
        fingers.set(event.pointerId, now);
        return;
      }
      if (moves) view.move(across / unit(), down / unit());
      else view.turn(across, down);
    } else if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const length = (a) => Math.max(20, Math.hypot(a[0] - other[0], a[1] - other[1]));
      const rect = picture();
      const middle = [((now[0] + other[0]) / 2 - rect.left - rect.width / 2) / unit(),
        ((now[1] + other[1]) / 2 - rect.top - rect.height / 2) / unit()];
      view.move((now[0] - before[0]) / 2 / unit(), (now[1] - before[1]) / 2 / unit());
      view.zoom(length(now) / length(before), middle);
    }
    fingers.set(event.pointerId, now);
  });
  const end = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) area.classList.remove("stage-frame--held");
    point(event, event.pointerType === "mouse" && event.type !== "pointerleave");
  };
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) listen(name, end);
  listen("dblclick", (event) => {
    if (!event.target.closest("button, select")) view.reset();
  });
  listen("wheel", (event) => {
    const ours = !scrolls || event.ctrlKey || event.metaKey || area.contains(document.activeElement);
    if (!ours) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
    const factor = Math.exp(-clamp(pixels, -400, 400) * WHEEL * (event.ctrlKey ? 5 : 1));
    view.zoom(factor, place(event));
  }, { passive: false });
  return () => stop.abort();
}

// Whether a key was one of the view's.
export function viewKey(event, view) {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const arrow = arrows[event.key];
  if (arrow) {
    if (view.orbits && !event.shiftKey) {
      view.turn(arrow[0] * KEY_TURN / TURN, arrow[1] * KEY_TURN / TURN);
    } else view.move(-arrow[0] * KEY_MOVE, -arrow[1] * KEY_MOVE); // as a window that is moved
  } else if (event.key === "+" || event.key === "=") view.zoom(KEY_ZOOM);
  else if (event.key === "-" || event.key === "_") view.zoom(1 / KEY_ZOOM);
  else return false;
  return true;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
