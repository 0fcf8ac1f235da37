// The overlay of a stage: the bar of buttons, the badge, the line of news, loading and errors.

import { say } from "./stage_words.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const IDLE_MS = 2_500;
const NEWS_MS = 7_000;

// Drawn on 24 × 24; a name that begins with "+" is filled, the others are lines.
const ICONS = {
  play: ["+M8 5.2v13.6c0 .8.9 1.3 1.6.8l10-6.8c.6-.4.6-1.2 0-1.6l-10-6.8C8.9 3.9 8 4.4 8 5.2z"],
  pause: ["+M7 4.5h2.5a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1z",
    "+M14.5 4.5H17a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1h-2.5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1z"],
  step: ["+M5 6v12c0 .8.9 1.3 1.6.8l8.4-6c.6-.4.6-1.2 0-1.6l-8.4-6C5.9 4.7 5 5.2 5 6z",
    "M18.5 5v14"],
  restart: ["M4 12a8 8 0 1 0 2.6-5.9", "M4 4v4.5h4.5"],
  view: ["M4 9V6a2 2 0 0 1 2-2h3", "M15 4h3a2 2 0 0 1 2 2v3", "M20 15v3a2 2 0 0 1-2 2h-3",
    "M9 20H6a2 2 0 0 1-2-2v-3", "+M12 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z"],
  shot: ["M4.5 8h3l1.5-2.5h6L16.5 8h3A1.5 1.5 0 0 1 21 9.5v8a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5v-8A1.5 1.5 0 0 1 4.5 8z",
    "M12 10a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4z"],
  record: ["M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z", "+M12 8.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z"],
  stop: ["M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16z", "+M10 9h4a1 1 0 0 1 1 1v4a1 1 0 0 1-1 1h-4a1 1 0 0 1-1-1v-4a1 1 0 0 1 1-1z"],
  full: ["M9 4H4v5", "M15 4h5v5", "M20 15v5h-5", "M4 15v5h5"],
  small: ["M4 9h5V4", "M20 9h-5V4", "M15 20v-5h5", "M9 20v-5H4"],
  more: ["+M6 10.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z",
    "+M12 10.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z",
    "+M18 10.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z"],
  alert: ["M12 3.5l9.2 16H2.8z", "M12 9.5v4.5", "M12 16.8v.2"],
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const path of ICONS[name]) {
    const shape = document.createElementNS(space, "path");
    shape.setAttribute("d", path.replace(/^\+/, ""));
    if (path.startsWith("+")) shape.setAttribute("class", "stage-solid");
    svg.append(shape);
  }
  return svg;
}

function make(tag, name, ...children) {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...children);
  return element;
}

let serial = 0;

export class Controls {
  // frame: what is covered; stage: play/pause/…; words: the sentences
  constructor(frame, stage, words) {
    this.words = words;
    this.stage = stage;
    this.frame = frame;
    this.buttons = {};
    const id = `stage-${++serial}`;

    this.badge = make("button", "stage-badge");
    this.badge.type = "button";
    this.tip = make("div", "stage-tip");
    this.tip.id = `${id}-tip`;
    this.tip.setAttribute("role", "tooltip");
    this.badge.setAttribute("aria-describedby", this.tip.id);
    this.badge.addEventListener("click", () => this.tip.classList.toggle("stage-tip--open"));
    this.badge.addEventListener("blur", () => this.tip.classList.remove("stage-tip--open"));
    this.badgeText = make("span", "");
    this.badge.append(make("span", "stage-dot"), this.badgeText);
    this.recording = make("div", "stage-recording", make("span", "stage-dot"), make("span", ""));
    this.recording.hidden = true;
    const top = make("div", "stage-top", make("div", "stage-badge-place", this.badge, this.tip),
      this.recording);

    this.line = make("div", "stage-line");
    this.line.setAttribute("role", "status");
    this.line.hidden = true;
    this.cover = make("div", "stage-cover");
    this.start = this.#button("begin", "play", "play", "", () => stage.play());
    this.start.classList.add("stage-begin");
    this.start.hidden = true;

    this.time = make("span", "stage-time");
    this.time.setAttribute("aria-hidden", "true");
    this.speed = make("select", "stage-speed");
    for (const speed of SPEEDS) {
      const option = make("option", "");
      option.value = String(speed);
      option.textContent = `${{ 0.25: "¼", 0.5: "½" }[speed] ?? speed}×`;
      option.selected = speed === 1;
      this.speed.append(option);
    }
    this.speed.title = say(words, "speed");
    this.speed.setAttribute("aria-label", say(words, "speed"));
    this.speed.addEventListener("change", () => stage.setSpeed(Number(this.speed.value)));

    this.extras = make("div", "stage-extras",
      this.#button("view", "view", "reset_view", "", () => stage.resetView()),
      this.#button("shot", "shot", "screenshot", "s", () => stage.screenshot()),
      this.#button("record", "record", "record", "r", () => stage.record()));
    this.extras.id = `${id}-extras`;
    const more = this.#button("more", "more", "more", "", () => this.#open(!this.opened));
    more.setAttribute("aria-controls", this.extras.id);
    more.setAttribute("aria-expanded", "false");
    this.bar = make("div", "stage-bar",
      this.#button("play", "pause", "pause", " ", () => stage.toggle()),
      this.#button("step", "step", "step", ".", () => stage.step()),
      this.#button("restart", "restart", "restart", "0", () => stage.restart()),
      this.time, make("span", "stage-gap"), this.speed, this.extras, more,
      this.#button("full", "full", "full_screen", "f", () => stage.fullScreen()));
    this.bar.setAttribute("role", "toolbar");
    this.bar.setAttribute("aria-label", say(words, "controls"));

    frame.append(this.cover, this.start, top, this.line, this.bar);
    const stir = () => this.stir();
    for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      frame.addEventListener(name, stir);
    }
    frame.addEventListener("pointerleave", () => this.#rest());
    this.opened = false;
    this.stir();
  }

  #button(name, picture, word, key, act) {
    const button = make("button", "stage-button", icon(picture));
    button.type = "button";
    button.dataset.act = name;
    this.buttons[name] = button;
    this.#name(button, word, key);
    button.addEventListener("click", act);
    return button;
  }

  #name(button, word, key = button.dataset.key ?? "") {
    const label = say(this.words, word);
    const shown = key === " " ? say(this.words, "space_key") : key.toUpperCase();
    button.dataset.key = key;
    button.title = key ? `${label} (${shown})` : label;
    button.setAttribute("aria-label", label);
    if (key) button.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key);
  }

  #open(opened) {
    this.opened = opened;
    this.bar.classList.toggle("stage-bar--open", opened);
    this.buttons.more.setAttribute("aria-expanded", String(opened));
    this.stir();
  }

  // What the source can do is offered, nothing else.
  offer(can) {
    const { buttons } = this;
    for (const name of ["play", "step", "restart", "view", "shot", "record"]) {
      buttons[name].hidden = !can.has(name);
    }
    this.speed.hidden = this.time.hidden = !can.has("speed");
    buttons.more.hidden = [...this.extras.children].every((button) => button.hidden);
    buttons.full.hidden = !can.size;
    this.bar.hidden = !can.size;
  }

  playing(playing, started) {
    const { play } = this.buttons;
    play.replaceChildren(icon(playing ? "pause" : "play"));
    this.#name(play, playing ? "pause" : "play");
    this.start.hidden = playing || started || play.hidden;
    this.frame.classList.toggle("stage-frame--playing", playing);
    this.stir();
  }

  setSpeed(speed) {
    this.speed.value = String(speed);
  }

  setTime(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const text = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    if (this.time.textContent !== text) this.time.textContent = text;
  }

  setFull(full) {
    this.buttons.full.replaceChildren(icon(full ? "small" : "full"));
    this.#name(this.buttons.full, full ? "leave_full_screen" : "full_screen");
  }

  setRecording(seconds) {
    const on = seconds !== null;
    this.recording.hidden = !on;
    if (this.wasOn !== on) {
      this.wasOn = on;
      this.buttons.record.replaceChildren(icon(on ? "stop" : "record"));
      this.buttons.record.classList.toggle("stage-button--hot", on);
      this.#name(this.buttons.record, on ? "stop_recording" : "record");
    }
    if (on) {
      const whole = Math.floor(seconds);
      this.recording.lastChild.textContent =
        `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    }
  }

  // kind: gpu, server, frames, film; note: why it is not a better one
  setBadge(kind, device, note) {
    this.badge.hidden = !kind;
    if (!kind) return;
    this.badge.dataset.kind = kind;
    this.badgeText.textContent = say(this.words, `badge_${kind}`);
    const text = say(this.words, `badge_${kind}_about`, { device: device || "GPU" });
    this.tip.textContent = note ? `${text} ${note}` : text;
  }

  // One line of news that goes away by itself.
  tell(text) {
    clearTimeout(this.newsTimer);
    this.line.textContent = text;
    this.line.hidden = !text;
    if (text) this.newsTimer = setTimeout(() => { this.line.hidden = true; }, NEWS_MS);
  }

  loading(text) {
    this.cover.className = "stage-cover stage-cover--loading";
    this.cover.setAttribute("role", "status");
    this.cover.replaceChildren(make("div", "stage-shimmer"), make("p", "", text));
    this.cover.hidden = false;
  }

  failed(text, again) {
    this.cover.className = "stage-cover stage-cover--failed";
    this.cover.setAttribute("role", "alert");
    const button = make("button", "stage-again", say(this.words, "try_again"));
    button.type = "button";
    button.addEventListener("click", again);
    this.cover.replaceChildren(icon("alert"), make("p", "", text), button);
    this.cover.hidden = false;
  }

  uncover() {
    this.cover.hidden = true;
    this.cover.replaceChildren();
  }

  // Somebody is here: the bar shows, and hides again when nobody moves while it plays.
  stir() {
    this.frame.classList.remove("stage-frame--idle");
    clearTimeout(this.idleTimer);
    this.idleTimer = setTimeout(() => this.#rest(), IDLE_MS);
  }

  #rest() {
    const used = this.bar.matches(":hover") || this.opened ||
      (this.bar.contains(document.activeElement) &&
        document.activeElement.matches(":focus-visible"));
    if (used) return this.stir();
    this.frame.classList.add("stage-frame--idle");
  }

  destroy() {
    clearTimeout(this.idleTimer);
    clearTimeout(this.newsTimer);
  }
}
