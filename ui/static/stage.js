// The stage: where a run's program is seen, moving, with its controls, its numbers beneath.
//
//   import { mountStage } from "/static/stage.js";
//   const stage = mountStage(container, { run, program, parameters, live, seed, arrays, words });
//
// Options (all may be left out that do not apply):
//   run          the run's id; `intentos:knob` events with this id turn its live parameters
//   program      a GpuProgram; or programUrl: JSON with program, parameters, live, seed, arrays
//   parameters, live (names), seed (text), arrays (sha256 → address or bytes)
//   sketch       what differs of the program in a smaller picture, for a slow GPU
//   socketUrl    a live session on the server;  framesUrl: a running run's own frames
//   film         address, or {url, media_type}, of the finished film or picture
//   words        sentences by key;  language: "en" or "zh";  title: what is seen
//   reducedMotion, paused   start paused;  scrolls: the page around it scrolls
//   charts       false: no charts;  chrome: false: no controls (a thumbnail)
//
// It draws on the viewer's own GPU where it can, else the server draws, else the film is shown.
// The container hears `stage:state` events (detail {kind, playing, index}).

import { ChartStrip } from "./chart.js";
import { Controls } from "./stage_controls.js";
import { webGpuIsMissing } from "./stage_device.js";
import { Pace } from "./stage_pace.js";
import { Saver, canRecord } from "./stage_save.js";
import { kindsOf, makeSource, viewOf } from "./stage_sources.js";
import { View, gestures, viewKey } from "./stage_view.js";
import { say } from "./stage_words.js";

const KEYS = { " ": "toggle", ".": "step", "0": "restart", f: "fullScreen", s: "screenshot",
  r: "record" };
const GONE_MS = 3_000; // a stage that left the page so long ago is destroyed

const mounted = new WeakMap();

// A container that has a stage already gets the new one in its place.
export function mountStage(container, options = {}) {
  mounted.get(container)?.destroy();
  const stage = new Stage(container, options);
  mounted.set(container, stage);
  return stage;
}

export class Stage {
  source = null; // what draws now
  awake = false; // in sight
  stale = false; // the view or a knob was turned since the last picture

  #container; #options; #words; #root; #frame; #picture; #controls = null; #charts = null;
  #pace = new Pace(); #view; #stop = new AbortController(); #undo = []; #gone = false;
  #turn = 0; #tried = new Set(); #note = ""; #loaded = null; #parameters; #started = false;
  #saver = null; #leaveTimer = 0; #shownAt = []; #knobbed = null;
  #open = null; #last = null; // whose last picture stays until the next source has one

  constructor(container, options) {
    this.#container = container;
    this.#options = { language: document.documentElement.lang.slice(0, 2) || "en", ...options };
    this.#words = options.words ?? {};
    this.#parameters = { ...options.parameters };
    const still = options.reducedMotion ?? matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#pace.playing = !(still || options.paused);
    this.#build();
    this.#saver = new Saver({
      tell: (word) => {
        if (!this.#gone) this.#controls?.tell(say(this.#words, word));
      },
      seconds: (seconds) => this.#controls?.setRecording(seconds),
    });
    this.#pace.add(this);
    this.#listen();
    this.ready = new Promise((resolve) => { this.#open = resolve; });
  }

  get kind() {
    return this.source?.kind ?? null;
  }

  get playing() {
    return this.#pace.playing;
  }

  get index() {
    return this.source?.index ?? -1;
  }

  // Pictures a second, lately; milliseconds that one takes; the last knob's way to its picture.
  get figures() {
    const now = performance.now(), recent = this.#shownAt.filter((at) => now - at < 2000);
    const span = recent.length > 1 ? recent.at(-1) - recent[0] : 0;
    return {
      framesPerSecond: span ? (recent.length - 1) * 1000 / span : 0,
      frameMs: this.source?.cost ?? 0,
      knobMs: this.#knobbed?.took ?? null,
    };
  }

  play() {
    this.#started = true;
    this.#pace.play();
  }

  pause() {
    this.#pace.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  step() {
    if (!this.source?.can.has("step")) return undefined;
    this.#started = true;
    return this.#pace.step();
  }

  restart(seed) {
    return this.#pace.restart(seed);
  }

  seek(frame) {
    this.#started = true;
    this.paced();
    return this.#pace.seek(frame);
  }

  // From ¼ to 4.
  setSpeed(speed) {
    const limited = Math.min(4, Math.max(0.25, Number(speed) || 1));
    this.#pace.setSpeed(limited);
  }

  // A live parameter, at once.
  set(name, value) {
    const live = this.#loaded?.live ?? this.#options.live ?? [];
    if (this.#gone || !live.includes(name)) return;
    const before = this.#parameters;
    this.#parameters = { ...before, [name]: value };
    try {
      this.#knobbed = { at: performance.now(), took: null };
      this.source?.set?.(name, value);
      this.#touch();
    } catch {
      this.#parameters = before;
      this.#controls?.tell(say(this.#words, "knob_refused", { name }));
    }
  }

  resetView() {
    this.#view.reset();
  }

  screenshot() {
    return this.#saver.picture(this.source, this.#name);
  }

  // Starts a recording, or ends it and saves it.
  record() {
    if (this.#saver.record(this.source, this.#name) && !this.playing) this.play();
  }

  async fullScreen() {
    const frame = this.#frame, faked = frame.classList.contains("stage-frame--full");
    if (document.fullscreenElement === frame) return document.exitFullscreen();
    if (!faked && frame.requestFullscreen) {
      try {
        return await frame.requestFullscreen();
      } catch { /* a page in a frame may not; then the stage fills the page */ }
    }
    frame.classList.toggle("stage-frame--full", !faked);
    this.#controls?.setFull(!faked);
    this.#fit();
  }

  // Takes other options while it goes on; false where they are of another program.
  update(options) {
    const same = ["run", "programUrl", "program", "socketUrl"];
    if (this.#gone || same.some((name) => options[name] !== this.#options[name])) return false;
    const film = JSON.stringify(options.film) !== JSON.stringify(this.#options.film);
    Object.assign(this.#options, options);
    if (film) {
      this.#tried.delete("film");
      if (this.#pending) this.#pending.patient = false; // there is something else to show
      if (this.kind === "frames" && this.#tried.has("frames")) this.#fallQuietly();
      if (!this.source && this.#turn && !this.#pending) this.#begin();
    }
    return true;
  }

  // From now on both play, pause, step, restart, seek and are turned as one; both begin again.
  async join(other) {
    const pace = this.#pace, theirs = other.#pace;
    if (pace === theirs) return;
    theirs.pause();
    await theirs.rest();
    for (const member of [...theirs.members]) {
      theirs.remove(member);
      member.#pace = pace;
      pace.add(member);
    }
    other.#view.follow(this.#view);
    pace.setSpeed(pace.speed);
    await pace.restart();
    if (pace.playing) pace.play();
  }

  // On its own again.
  async leave() {
    const shared = this.#pace;
    if (shared.members.size < 2) return;
    shared.remove(this);
    await shared.rest();
    this.#pace = new Pace();
    this.#pace.speed = shared.speed;
    this.#pace.playing = shared.playing;
    this.#pace.add(this);
  }

  // Frees everything, on the GPU too. The container is empty afterwards.
  destroy() {
    if (this.#gone) return;
    this.#gone = true;
    this.#turn += 1;
    clearTimeout(this.#leaveTimer);
    this.#saver.stop();
    this.#stop.abort();
    this.#undo.forEach((undo) => undo());
    this.#pace.remove(this);
    this.source?.destroy();
    this.source = null;
    this.#letGo();
    this.#charts?.destroy();
    this.#controls?.destroy();
    this.#root.remove();
    if (mounted.get(this.#container) === this) mounted.delete(this.#container);
    this.#open(null);
  }

  // --- what the pace calls ---

  // A picture was shown.
  shown() {
    const now = performance.now();
    this.#shownAt.push(now);
    if (this.#shownAt.length > 240) this.#shownAt.shift();
    if (this.#knobbed && this.#knobbed.took === null && !this.stale) {
      this.#knobbed.took = now - this.#knobbed.at;
    }
    this.#controls?.setTime(this.index / (this.source?.framesPerSecond || 30));
    if (this.#picture.dataset.frame !== String(this.index)) {
      this.#picture.dataset.frame = String(this.index);
    }
  }

  restarted() {
    this.#charts?.clear();
  }

  // The pace was told something.
  paced() {
    this.source?.paced?.(this.playing);
    this.#controls?.playing(this.playing, this.#started || this.index > 0);
    this.#controls?.setSpeed(this.#pace.speed);
    this.#news();
  }

  failed(error) {
    if (!this.#gone && this.source) this.#fall(error?.message ?? "");
  }

  // --- its parts ---

  get #name() {
    return this.#options.title || this.#options.run || "intentos";
  }

  #build() {
    const { chrome = true, title = "" } = this.#options;
    this.#picture = document.createElement("div");
    this.#picture.className = "stage-picture";
    this.#frame = document.createElement("div");
    this.#frame.className = "stage-frame";
    this.#frame.append(this.#picture);
    this.#root = document.createElement("section");
    this.#root.className = "stage";
    this.#root.append(this.#frame);
    this.#container.append(this.#root);
    this.#view = new View((view, lens, own) => {
      this.source?.view?.(view);
      if (lens) {
        const side = Math.min(this.#picture.clientWidth, this.#picture.clientHeight);
        const [x, y] = lens.pan.map((value) => value * side);
        this.#picture.style.transform = lens.zoom === 1 && !x && !y
          ? "" : `translate(${x}px, ${y}px) scale(${lens.zoom})`;
      }
      this.#touch();
      if (lens && own) for (const member of this.#pace.members) {
        if (member !== this) member.#view.follow(this.#view);
      }
    });
    if (!chrome) return;
    const label = title ? say(this.#words, "label_of", { title }) : say(this.#words, "label");
    this.#root.setAttribute("aria-label", label);
    this.#frame.tabIndex = 0;
    this.#frame.setAttribute("role", "group");
    this.#frame.setAttribute("aria-label", label);
    const help = document.createElement("p");
    help.className = "stage-help";
    help.id = `stage-help-${Math.random().toString(36).slice(2)}`;
    help.textContent = say(this.#words, "keys");
    this.#root.append(help);
    this.#frame.setAttribute("aria-describedby", help.id);
    this.#controls = new Controls(this.#frame, this, this.#words);
    this.#controls.offer(new Set());
    this.#controls.setBadge(null);
    this.#controls.loading(say(this.#words, "loading"));
  }

  #listen() {
    const { signal } = this.#stop;
    addEventListener("intentos:knob", ({ detail }) => {
      if (detail && detail.run === this.#options.run) this.set(detail.name, detail.value);
    }, { signal });
    document.addEventListener("visibilitychange", () => this.#look(), { signal });
    document.addEventListener("fullscreenchange", () => {
      this.#controls?.setFull(document.fullscreenElement === this.#frame);
      this.#fit();
    }, { signal });
    this.#frame.addEventListener("keydown", (event) => this.#key(event), { signal });
    const seen = new IntersectionObserver((entries) => {
      this.#inSight = entries.at(-1).isIntersecting;
      this.#look();
    });
    seen.observe(this.#frame);
    const size = new ResizeObserver(() => this.#fit());
    size.observe(this.#frame);
    this.#undo.push(() => seen.disconnect(), () => size.disconnect());
    if (this.#controls) {
      this.#undo.push(gestures(this.#frame, this.#view, {
        scrolls: this.#options.scrolls,
        picture: () => {
          const { left, top, width, height } = this.#picture.getBoundingClientRect();
          const columns = this.source?.width || 1, rows = this.source?.height || 1;
          return { left, top, width, height, columns, rows };
        },
      }));
      if (this.#options.scrolls) this.#frame.classList.add("stage-frame--scrolls");
    }
  }

  #inSight = false;

  // A stage that nobody sees does nothing; its sources are not even opened before it is seen.
  #look() {
    if (this.#gone) return;
    const awake = this.#inSight && !document.hidden;
    clearTimeout(this.#leaveTimer);
    if (!this.#inSight) {
      this.#leaveTimer = setTimeout(() => {
        if (!this.#container.isConnected) this.destroy();
      }, GONE_MS);
    }
    if (awake === this.awake) return;
    this.awake = awake;
    this.source?.hold?.(!awake);
    if (!awake) return;
    if (!this.source && !this.#turn) this.#begin();
    this.#pace.wake();
  }

  #touch() {
    if (!this.source?.driven) return;
    this.stale = true;
    this.#pace.wake();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { target } = event;
    if (target.closest("select, input, textarea")) return;
    if (event.key === "Escape" && this.#frame.classList.contains("stage-frame--full")) {
      this.fullScreen();
    } else if (target.closest("button") && (event.key === " " || event.key === "Enter")) return;
    else if (event.key === "Home" && this.source) this.#view.reset();
    else if (this.source?.can.size && viewKey(event, this.#view)) { /* done */ }
    else {
      const act = KEYS[event.key.toLowerCase()];
      if (!act || !this.source?.can.size) return;
      if (act === "restart" && !this.source.can.has("restart")) return;
      if (act === "toggle" && !this.source.can.has("play")) return;
      this[act]();
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // The picture as large as fits, in its own proportions.
  #fit() {
    const { source } = this;
    if (!source?.width || !source.height) return;
    const { clientWidth: wide, clientHeight: high } = this.#frame;
    const scale = Math.min(wide / source.width, high / source.height);
    if (!(scale > 0)) return;
    const { style } = this.#picture;
    style.width = `${Math.max(1, Math.floor(source.width * scale))}px`;
    style.height = `${Math.max(1, Math.floor(source.height * scale))}px`;
  }

  // --- which source draws ---

  async #begin() {
    const turn = ++this.#turn;
    if (!this.#last) this.#controls?.loading(say(this.#words, "loading"));
    if (!this.#options.program && this.#options.programUrl && !this.#loaded) {
      try {
        const answer = await fetch(this.#options.programUrl);
        if (!answer.ok) throw new Error(String(answer.status));
        this.#loaded = await answer.json();
        this.#parameters = { ...this.#loaded.parameters, ...this.#parameters };
      } catch {
        this.#tried.add("gpu"); // the server may still be able to draw it
      }
      if (turn !== this.#turn) return;
    }
    const now = () => ({ ...this.#loaded, ...withoutEmpty(this.#options) });
    if (now().program && webGpuIsMissing()) this.#note = say(this.#words, "no_webgpu");
    for (;;) {
      const options = now(); // while a source was tried in vain, a film may have come
      const [kind, ...others] = kindsOf(options).filter((one) => !this.#tried.has(one));
      if (!kind) return this.#fail();
      const source = makeSource(kind, options, {
        parameters: this.#parameters, playing: this.#pace.playing, speed: this.#pace.speed,
      });
      source.onlost = (why) => {
        if (this.source === source) this.#fall(why);
      };
      source.onprobe = (name, frame, value) => this.#charts?.add(name, frame, value);
      source.onframe = () => {
        if (this.source === source) this.shown();
      };
      source.onrestart = () => this.restarted();
      source.onrest = () => {
        if (this.source === source) this.#touch();
      };
      source.onstate = (state, text) => this.#heard(source, state, text);
      source.patient = kind === "frames" || !others.length;
      this.#chart(options.program);
      try {
        this.#pending = source;
        await source.open();
      } catch (error) {
        source.destroy();
        if (turn !== this.#turn) return;
        this.#refused(kind, error);
        continue;
      } finally {
        if (this.#pending === source) this.#pending = null;
      }
      if (turn !== this.#turn) return source.destroy();
      return this.#adopt(source, options);
    }
  }

  #pending = null;

  #adopt(source, { program }) {
    this.source = source;
    if (source.kind === "film" && !source.moves) this.#pace.playing = false;
    const uses = viewOf(source.kind, program);
    this.#view.adopt(program, uses);
    for (const [name, value] of Object.entries(this.#parameters)) {
      try { // knobs that were turned while it was made ready
        if (source.driven) source.set(name, value);
      } catch { /* it is not one of the program's, or was refused when it was turned */ }
    }
    source.element.className = "stage-canvas";
    if (source.element instanceof HTMLCanvasElement) {
      source.element.setAttribute("role", "img");
      source.element.setAttribute("aria-label", this.#name);
    } else if (source.element instanceof HTMLImageElement) source.element.alt = this.#name;
    this.#picture.replaceChildren(source.element);
    this.#letGo();
    this.#picture.dataset.source = source.kind;
    this.#fit();
    this.#controls?.uncover();
    this.#controls?.offer(this.#offered(source));
    this.#controls?.setBadge(source.kind, source.device, this.#note);
    this.#frame.classList.toggle("stage-frame--turns", uses.has("yaw"));
    source.hold?.(!this.awake);
    this.paced();
    this.shown();
    this.#pace.wake();
    this.#open(source.kind);
    if (source.ended) this.#heard(source, "end", ""); // before it was looked at
  }

  #letGo() {
    this.#last?.destroy();
    this.#last = null;
  }

  #offered(source) {
    const can = new Set(source.can);
    if (!canRecord()) can.delete("record");
    can.add("view"); // the lens works on any picture
    return can;
  }

  // The source that drew does no longer: the next one takes over.
  #fall(why) {
    const { source } = this;
    this.source = null;
    this.#saver.stop();
    source.destroy();
    this.#tried.add(source.kind);
    this.#say(`lost_${source.kind}`, why);
    this.#begin();
  }

  #refused(kind, error) {
    this.#tried.add(kind);
    const none = kind === "gpu" && webGpuIsMissing();
    this.#say(none ? "no_webgpu" : `refused_${kind}`, error?.message ?? "");
  }

  // Said once in a line, and kept with the badge.
  #say(word, why) {
    if (this.#gone) return;
    const facts = { why: String(why).slice(0, 200) };
    this.#note = say(this.#words, word, facts);
    this.#controls?.tell(this.#note);
  }

  #fail() {
    if (this.#last) { // its last picture is better than none
      this.source = this.#last;
      this.#last = null;
      return;
    }
    const text = this.#note || say(this.#words, "nothing");
    this.#note = "";
    this.#controls?.tell("");
    this.#controls?.offer(new Set());
    this.#controls?.setBadge(null);
    this.#controls?.failed(text, () => {
      this.#tried.clear();
      this.#begin();
    });
    this.#picture.replaceChildren();
    this.#open(null);
    this.#news();
  }

  #heard(source, state, text) {
    if (this.source !== source) return;
    if (state === "end" && source.kind === "frames") {
      this.#tried.add("frames");
      const { film, socketUrl } = this.#options;
      if (film || socketUrl) this.#fallQuietly(); // else the last frame stays until it is there
    } else if (state === "end") {
      this.#pace.pause();
      this.#controls?.tell(text || say(this.#words, "ended"));
    } else if (state === "error") this.#controls?.tell(text);
    else this.#controls?.tell(state === "away" ? say(this.#words, "reconnecting") : "");
  }

  // The run is done: the server's live view or its film follows its frames.
  #fallQuietly() {
    this.#letGo();
    this.#last = this.source;
    this.source = null;
    this.#note = "";
    this.#begin();
  }

  #chart(program) {
    if (this.#charts || this.#options.charts === false || !program?.probes?.length) return;
    const { language } = this.#options;
    this.#charts = new ChartStrip(program.probes, { words: this.#words, language });
    this.#root.append(this.#charts.element);
  }

  #news() {
    this.#container.dispatchEvent(new CustomEvent("stage:state", {
      bubbles: true,
      detail: { kind: this.kind, playing: this.playing, index: this.index },
    }));
  }
}

const withoutEmpty = (options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined &&
    value !== null));
