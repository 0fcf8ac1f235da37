// Numbers of a running program as small live charts.
//
//   const strip = new ChartStrip(probes, { words, language });
//   place.append(strip.element);
//   strip.add("energy", frame, value);

import { say } from "./stage_words.js";

const POINTS = 600; // what one chart remembers
const SHOWN = 3; // charts, until a person asks for all
const SETTLED = 24; // points after which the choice of charts stays
const DRAW_MS = 80; // between two drawings of a chart
const RAISED = { "-": "⁻", ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((c, i) => [i, c])) };

// A chart shows itself when its number changes for the first time; one that never does (a count of
// what went wrong, most often) is there for who asks for all.
export class ChartStrip {
  element = document.createElement("div");

  #charts; #more; #words; #all = false; #timer = 0; #chosen = new Set(); #count = 0;

  // probes: [{name, unit, label_en, label_zh}]
  constructor(probes, { words = {}, language = "en" } = {}) {
    this.#words = words;
    this.element.className = "stage-charts";
    this.#charts = probes.map((probe) => new Chart({
      title: (language === "zh" ? probe.label_zh : probe.label_en) || probe.label_en
        || probe.name.replaceAll("_", " "),
      unit: probe.unit, name: probe.name, words, language,
    }));
    this.#more = document.createElement("button");
    this.#more.type = "button";
    this.#more.className = "stage-charts-more";
    this.#more.addEventListener("click", () => {
      this.#all = !this.#all;
      this.#arrange();
    });
    this.element.hidden = !probes.length;
    const grid = document.createElement("div");
    grid.className = "stage-charts-grid";
    grid.append(...this.#charts.map((chart) => chart.element));
    this.element.append(grid, this.#more);
    this.#arrange();
  }

  add(name, frame, value) {
    const chart = this.#charts.find((one) => one.name === name);
    if (!chart) return;
    chart.add(frame, value);
    this.#count = Math.max(this.#count, chart.length);
    this.#timer ||= setTimeout(() => this.#draw(), DRAW_MS);
  }

  clear() {
    for (const chart of this.#charts) chart.clear();
    clearTimeout(this.#timer);
    this.#draw();
  }

  destroy() {
    clearTimeout(this.#timer);
    this.#timer = -1;
    for (const chart of this.#charts) chart.destroy();
    this.element.remove();
  }

  #draw() {
    if (this.#timer === -1) return;
    this.#timer = 0;
    if (this.#count < SETTLED || !this.#chosen.size) this.#arrange();
    for (const chart of this.#charts) if (!chart.element.hidden) chart.draw();
  }

  #arrange() {
    for (const chart of this.#charts) {
      if (chart.varies && this.#chosen.size < SHOWN) this.#chosen.add(chart);
      chart.element.hidden = !this.#all && !this.#chosen.has(chart);
    }
    const more = this.#charts.length - this.#chosen.size;
    this.#more.hidden = more <= 0 || !this.#count;
    this.#more.setAttribute("aria-expanded", String(this.#all));
    this.#more.textContent = this.#all ? say(this.#words, "fewer_charts")
      : say(this.#words, this.#chosen.size ? "more_charts" : "all_charts", { count: more });
    if (this.#all) for (const chart of this.#charts) chart.draw();
  }
}

export class Chart {
  element = document.createElement("figure");

  #frames = []; #values = []; #low = Infinity; #high = -Infinity;
  #canvas = document.createElement("canvas"); #value = document.createElement("span");
  #unit; #words; #title; #digits; #hover = null; #observer; #told = 0;

  constructor({ title, unit = "", name = title, words = {}, language = "en" }) {
    this.name = name;
    this.#unit = unit;
    this.#title = title;
    this.#words = words;
    const plain = new Intl.NumberFormat(language, { maximumSignificantDigits: 4 });
    this.#digits = (number) => {
      const size = Math.abs(number);
      if (!size || (size >= 1e-3 && size < 1e7)) return plain.format(number);
      const [digits, power] = number.toExponential(2).split("e");
      const raised = String(Number(power)).replace(/./g, (c) => RAISED[c]);
      return `${plain.format(Number(digits))}×10${raised}`;
    };
    const caption = document.createElement("figcaption");
    const label = document.createElement("span");
    label.className = "stage-chart-title";
    label.textContent = label.title = title;
    this.#value.className = "stage-chart-value";
    caption.append(label, this.#value);
    this.element.className = "stage-chart";
    this.#canvas.setAttribute("role", "img");
    this.element.append(caption, this.#canvas);
    this.#canvas.addEventListener("pointermove", (event) => {
      this.#hover = event.offsetX;
      this.draw();
    });
    this.#canvas.addEventListener("pointerleave", () => {
      this.#hover = null;
      this.draw();
    });
    this.#observer = new ResizeObserver(() => this.draw());
    this.#observer.observe(this.#canvas);
    this.draw();
  }

  get length() {
    return this.#values.length;
  }

  // Whether there is something to see.
  get varies() {
    return this.#high > this.#low;
  }

  add(frame, value) {
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    this.#frames.push(frame);
    this.#values.push(value);
    if (this.#values.length > POINTS) {
      this.#frames.shift();
      this.#values.shift();
    }
    this.#low = Math.min(this.#low, value);
    this.#high = Math.max(this.#high, value);
  }

  clear() {
    this.#frames = [];
    this.#values = [];
    this.#low = Infinity;
    this.#high = -Infinity;
  }

  destroy() {
    this.#observer.disconnect();
    this.element.remove();
  }

  draw() {
    const canvas = this.#canvas, wide = canvas.clientWidth, high = canvas.clientHeight;
    if (!wide || !high) return this.#say();
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(wide * scale)) canvas.width = Math.round(wide * scale);
    if (canvas.height !== Math.round(high * scale)) canvas.height = Math.round(high * scale);
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, wide, high);
    const style = getComputedStyle(canvas);
    const values = this.#values;
    pen.strokeStyle = style.getPropertyValue("--line");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, high - 0.5);
    pen.lineTo(wide, high - 0.5);
    pen.stroke();
    if (!values.length) return this.#say();

    // The scale is that of what is seen, so that a calm end of a wild start can still be read.
    let low = Infinity, top = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      top = Math.max(top, value);
    }
    const room = top - low || Math.abs(top) || 1;
    if (top === low) [low, top] = [low - room / 2, top + room / 2];
    const span = Math.max(values.length - 1, 59);
    const x = (i) => 2 + (wide - 7) * i / span;
    const y = (value) => 4 + (high - 9) * (1 - (value - low) / (top - low));
    const accent = style.getPropertyValue("--accent");
    pen.beginPath();
    values.forEach((value, i) => pen.lineTo(x(i), y(value)));
    pen.strokeStyle = accent;
    pen.lineWidth = 1.5;
    pen.lineJoin = "round";
    pen.stroke();
    pen.lineTo(x(values.length - 1), high);
    pen.lineTo(x(0), high);
    pen.closePath();
    pen.globalAlpha = 0.14;
    pen.fillStyle = accent;
    pen.fill();
    pen.globalAlpha = 1;

    let at = values.length - 1;
    if (this.#hover !== null) {
      at = Math.max(0, Math.min(at, Math.round((this.#hover - 2) / (wide - 7) * span)));
      pen.strokeStyle = style.getPropertyValue("--muted");
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x(at), 0);
      pen.lineTo(x(at), high);
      pen.stroke();
    }
    pen.beginPath();
    pen.arc(x(at), y(values[at]), 2.5, 0, 7);
    pen.fillStyle = accent;
    pen.fill();
    this.#say(at);
  }

  #say(at = this.#values.length - 1) {
    const value = this.#values[at];
    const text = value === undefined ? "–" : [this.#digits(value), this.#unit].join(" ").trim();
    const frame = this.#hover === null || value === undefined
      ? "" : say(this.#words, "at_frame", { frame: this.#frames[at] });
    this.#value.textContent = frame ? `${text} · ${frame}` : text;
    // A reader is not told every frame.
    if (this.#told && performance.now() - this.#told < 1000) return;
    this.#told = performance.now();
    this.#canvas.setAttribute("aria-label", `${this.#title}: ${text}`);
  }
}
