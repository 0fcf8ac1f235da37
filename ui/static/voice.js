// Speaking instead of typing: one button, to hold or to switch. What was heard is announced as
// text and never sent by itself.
//
// mountVoice(element, {endpoint, language, seconds, words}) builds the button into the element.
// What was heard comes as `CustomEvent("intentos:heard", {detail: {text, language, seconds}})` on
// window, and as "heard" with the same detail on the element. All words are handed in.
import { openMicrophone } from "/static/voice_capture.js";

const HOLD = 400; // milliseconds from which a press is held, and letting go ends it
const BARS = 32;
const LEAST = 0.3; // seconds below which a press was a slip
const SVG = "http://www.w3.org/2000/svg";
const MICROPHONE = "M12 15a3.5 3.5 0 0 0 3.5-3.5v-5a3.5 3.5 0 0 0-7 0v5A3.5 3.5 0 0 0 12 15zm6-3.5a6 6 0 0 1-12 0M12 17.5V21";
const STOP = "M8 8h8v8H8z";

export function mountVoice(host, options) {
  return new Voice(host, options);
}

class Voice {
  #host; #options; #words; #state = "idle"; #turn = 0; #pressed = null; #microphone = null;
  #asking = null; #begun = 0; #clock = 0; #levels = new Array(BARS).fill(0); #ready = false; #watch = 0;

  constructor(host, options) {
    this.#host = host;
    this.#options = { endpoint: "/api/voice", language: "en", seconds: 60, ...options };
    this.#words = this.#options.words;
    this.#build();
    this.#show("idle");
  }

  destroy() {
    this.#cancel();
    clearTimeout(this.#watch);
    document.removeEventListener("keydown", this.#escape, true);
    this.#host.replaceChildren();
  }

  // ---- what a person does ---------------------------------------------------------------------

  #press() {
    if (this.#pressed !== null) return;
    this.#pressed = { at: performance.now(), began: false };
    if (this.#state === "recording") this.#finish();
    else if (this.#state === "transcribing" || this.#state === "asking") this.#cancel();
    else { this.#pressed.began = true; this.#begin(); }
  }

  #release() {
    const press = this.#pressed;
    this.#pressed = null;
    if (press?.began && performance.now() - press.at >= HOLD && this.#state === "recording") this.#finish();
  }

  #escape = (event) => {
    if (event.key !== "Escape" || !this.#busy) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // it is not meant for what runs
    this.#cancel();
    this.button.focus();
  };

  get #busy() { return ["asking", "recording", "transcribing"].includes(this.#state); }

  // ---- from the first press to the text --------------------------------------------------------

  async #begin() {
    const turn = ++this.#turn;
    const current = () => turn === this.#turn;
    if (!window.isSecureContext) return this.#fail("insecure");
    if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) return this.#fail("unsupported");
    this.#show("asking");
    if (!this.#ready) {
      const there = await this.#ask("GET").catch(() => null);
      if (!current()) return;
      if (!there) return this.#fail("failed");
      if (there.state !== "ready") return this.#lack(there);
      this.#ready = true;
    }
    let microphone;
    try {
      microphone = await openMicrophone({
        onLevel: (level) => { if (current()) this.#level(level); },
        onEnd: () => { if (current()) this.#finish(); },
      });
    } catch (error) {
      if (current()) this.#fail(REASONS[error.name] ?? "unsupported");
      return;
    }
    if (!current()) { microphone.drop(); return; }
    this.#microphone = microphone;
    this.#begun = performance.now();
    this.#levels.fill(0);
    this.#show("recording");
    this.#tick();
  }

  async #finish() {
    const turn = this.#turn, microphone = this.#microphone;
    const current = () => turn === this.#turn;
    if (!microphone) return;
    this.#microphone = null;
    if ((performance.now() - this.#begun) / 1000 < LEAST) {
      microphone.drop();
      return this.#fail("slip");
    }
    this.#show("transcribing");
    this.#asking = new AbortController();
    let heard;
    try {
      const recording = await microphone.finish();
      if (!current()) return;
      heard = await this.#ask("POST", "", recording);
    } catch {
      if (current()) this.#fail("failed");
      return;
    }
    if (!current()) return;
    if (heard.state && heard.state !== "ready") return this.#lack(heard);
    if (!heard.text) return this.#fail(null, heard.message);
    this.#show("idle");
    const detail = { text: heard.text, language: heard.language, seconds: heard.seconds };
    this.#host.dispatchEvent(new CustomEvent("heard", { detail }));
    window.dispatchEvent(new CustomEvent("intentos:heard", { detail }));
  }

  #cancel() {
    this.#turn++;
    this.#microphone?.drop();
    this.#microphone = null;
    this.#asking?.abort();
    this.#asking = null;
    this.#show("idle");
  }

  async #ask(method, path = "", body) {
    const query = new URLSearchParams({ language: this.#options.language });
    const answer = await fetch(`${this.#options.endpoint}${path}?${query}`, {
      method, body, signal: body && this.#asking.signal,
      headers: body ? { "Content-Type": "audio/wav" } : {},
    });
    return await answer.json();
  }

  // ---- the model is not there yet --------------------------------------------------------------

  #lack(there) {
    this.#ready = false;
    this.#show(there.state === "fetching" ? "fetching" : "error", there.message);
    this.fetch.hidden = there.state !== "no_model";
    if (there.state !== "fetching") return;
    this.bar.style.transform = `scaleX(${there.total ? there.done / there.total : 0})`;
    this.#watch = setTimeout(() => this.#look(), 500);
  }

  async #look(method = "GET", path = "") {
    const there = await this.#ask(method, path).catch(() => null);
    if (!["fetching", "error"].includes(this.#state)) return;
    if (!there) this.#fail("failed");
    else if (there.state !== "ready") this.#lack(there);
    else { this.#ready = true; this.#show("done", this.#words.ready); }
  }

  // ---- what it looks like ----------------------------------------------------------------------

  #build() {
    const make = (name, className, parent) => {
      const element = document.createElement(name);
      element.className = className;
      parent.append(element);
      return element;
    };
    const host = this.#host;
    host.classList.add("voice");
    host.replaceChildren();
    this.panel = make("div", "voice-panel", host);
    this.wave = make("div", "voice-wave", this.panel);
    this.wave.setAttribute("aria-hidden", "true");
    for (let i = 0; i < BARS; i++) make("span", "", this.wave);
    this.text = make("div", "voice-text", this.panel);
    this.text.setAttribute("role", "status");
    this.time = make("div", "voice-time", this.panel);
    this.track = make("div", "voice-track", this.panel);
    this.bar = make("div", "", this.track);
    this.fetch = make("button", "voice-fetch", this.panel);
    this.fetch.type = "button";
    this.fetch.textContent = this.#words.fetch;
    this.fetch.addEventListener("click", () => this.#look("POST", "/model"));
    this.close = make("button", "voice-close", this.panel);
    this.close.type = "button";
    this.close.textContent = "×";
    this.close.addEventListener("click", () => { this.#cancel(); this.button.focus(); });

    const button = this.button = make("button", "voice-button", host);
    button.type = "button";
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    this.path = document.createElementNS(SVG, "path");
    svg.append(this.path);
    button.append(svg);
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.#press();
    });
    button.addEventListener("pointerup", () => this.#release());
    button.addEventListener("pointercancel", () => this.#release());
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    button.addEventListener("keyup", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      this.#release();
    });
    button.addEventListener("blur", () => this.#release());
    button.addEventListener("click", (event) => { // of assistive technology: nothing was pressed
      if (event.detail === 0) { this.#press(); this.#pressed = null; }
    });
    document.addEventListener("keydown", this.#escape, true);
  }

  #show(state, text) {
    clearTimeout(this.#watch);
    clearTimeout(this.#clock);
    this.#state = state;
    const words = this.#words, recording = state === "recording";
    this.#host.dataset.state = state;
    this.panel.hidden = state === "idle";
    this.wave.hidden = !recording;
    this.time.hidden = !recording;
    this.track.hidden = state !== "fetching";
    this.fetch.hidden = true;
    this.text.textContent = text ?? words[state] ?? "";
    const name = recording ? words.stop : words.start;
    this.button.setAttribute("aria-label", name);
    this.button.title = name;
    this.button.setAttribute("aria-pressed", String(recording));
    this.button.setAttribute("aria-busy", String(state === "asking" || state === "transcribing"));
    const closing = this.#busy ? words.cancel : words.close;
    this.close.setAttribute("aria-label", closing);
    this.close.title = closing;
    this.path.setAttribute("d", recording ? STOP : MICROPHONE);
    this.button.style.setProperty("--level", 0);
  }

  #fail(word, text) {
    this.#microphone?.drop();
    this.#microphone = null;
    this.#show("error", text ?? this.#words[word]);
  }

  #level(level) {
    this.#levels.push(level);
    this.#levels.shift();
    this.button.style.setProperty("--level", level.toFixed(2));
    [...this.wave.children].forEach((bar, i) => {
      bar.style.transform = `scaleY(${(0.08 + 0.92 * this.#levels[i]).toFixed(3)})`;
    });
  }

  #tick() {
    const { seconds } = this.#options;
    const passed = (performance.now() - this.#begun) / 1000;
    if (passed >= seconds) { this.#finish(); return; }
    const left = Math.ceil(seconds - passed);
    const whole = Math.floor(passed);
    const clock = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    const shown = left <= 10 ? this.#words.left.replace("{seconds}", left) : clock;
    if (this.time.textContent !== shown) this.time.textContent = shown;
    this.#clock = setTimeout(() => this.#tick(), 200); // in a hidden tab, too
  }
}

// Why there is no microphone, by the name of the browser's error.
const REASONS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "busy",
  AbortError: "busy",
};
