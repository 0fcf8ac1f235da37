// <intentos-knob>: one parameter of a plan, as a slider and a field, a switch, a colour or a choice.
//
// What it holds belongs to the person who turns it: the server draws it once and hears of every
// change ("knob", {name, value}), and puts another value only into a field that nobody is using.
// Elements of the same run and name move together. A knob that is marked live tells the page as
// well ("intentos:knob" on window), so that a canvas follows without a round trip.

const STEPS = 1000;
const QUIET = 120; // milliseconds between two reports while a slider moves

let count = 0;

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

// Of a parameter's range: from a share of the slider (0 to 1) to a value that reads well, and back.
export function scaleOf({ minimum, maximum, scale, kind }) {
  const span = maximum - minimum;
  const grain = 10 ** (Math.floor(Math.log10(span || 1)) - 2);
  const digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(grain))));
  const clamp = (value) => Math.min(maximum, Math.max(minimum, value));
  const read = (value) => {
    if (kind === "integer") return clamp(Math.round(value));
    if (scale === "linear") return clamp(Number((Math.round(value / grain) * grain).toFixed(digits)));
    return clamp(Number(value.toPrecision(3)));
  };
  return {
    value(share) {
      if (share <= 0) return minimum;
      if (share >= 1) return maximum;
      if (scale === "log") return read(minimum * (maximum / minimum) ** share);
      if (scale === "cubic") return read(minimum + span * share ** 3);
      return read(minimum + span * share);
    },
    share(value) {
      const inside = clamp(value);
      if (scale === "log") return Math.log(inside / minimum) / Math.log(maximum / minimum);
      if (scale === "cubic") return Math.cbrt((inside - minimum) / span);
      return span ? (inside - minimum) / span : 0;
    },
    step(value, by) {
      if (kind === "integer") return clamp(value + by);
      if (scale === "linear") return read(value + by * grain);
      const size = 10 ** Math.floor(Math.log10(Math.abs(value) || maximum / STEPS)) / 10;
      return clamp(Number((value + by * size).toPrecision(12)));
    },
  };
}

class Knob extends HTMLElement {
  static observedAttributes = ["options", "setting", "problem"];
  #options = null;
  #drawn = "";
  #value = "";
  #show = () => {};
  #mark = () => {};
  #timer = 0;
  #followers = (event) => {
    const { run, name, value, from } = event.detail;
    if (from === this || run !== this.#options?.run || name !== this.#options.name) return;
    this.#value = value;
    this.#show(value);
  };

  connectedCallback() {
    window.addEventListener("intentos:knob-turned", this.#followers);
    this.#draw();
  }

  disconnectedCallback() {
    window.removeEventListener("intentos:knob-turned", this.#followers);
    clearTimeout(this.#timer);
  }

  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === "options") this.#draw();
    else if (name === "problem") this.#tell();
    else if (!this.contains(document.activeElement)) this.#put();
  }

  #draw() {
    const text = this.getAttribute("options") ?? "";
    if (!text || text === this.#drawn) return;
    this.#drawn = text;
    const options = (this.#options = JSON.parse(text));
    const id = `knob-${++count}`;
    const problem = make("p", { class: "knob-problem", id: `${id}-problem`, role: "alert" });
    const label = make("label", { for: id, title: options.hint }, options.label);
    if (options.live) {
      label.append(make("span", { class: "knob-live", title: options.words.live }, options.words.live_short));
    }
    const control = make("div", { class: "knob-control" });
    this.#show = this.#controls(control, id);
    const reset = make("button",
      { type: "button", class: "knob-reset", title: options.words.reset, "aria-label": options.words.reset }, "↺");
    reset.addEventListener("click", () => this.#turn(options.initial, true, true));
    this.#mark = () => reset.classList.toggle("there", String(this.#value) !== String(options.initial));
    const show = this.#show;
    this.#show = (value) => { show(value); this.#mark(); };
    this.replaceChildren(make("div", { class: `knob of-${options.kind}` },
      make("div", { class: "knob-head" }, label, reset), control, problem));
    this.#put();
    this.#tell();
  }

  #put() {
    const text = this.getAttribute("setting");
    if (text === null) return;
    this.#value = JSON.parse(text);
    this.#show(this.#value);
  }

  #tell() {
    const text = this.getAttribute("problem") ?? "";
    const place = this.querySelector(".knob-problem");
    if (!place) return;
    place.textContent = text;
    this.classList.toggle("bad", Boolean(text));
    for (const field of this.querySelectorAll("input, select, textarea")) {
      field.toggleAttribute("aria-invalid", Boolean(text));
      if (text) field.setAttribute("aria-describedby", place.id);
      else field.removeAttribute("aria-describedby");
    }
  }

  // Takes a value from the person; `show`: put it into the other controls of this knob too.
  #turn(value, done = true, show = false) {
    this.#value = value;
    if (show) this.#show(value);
    this.#mark();
    const { run, name, live, kind, minimum, maximum } = this.#options;
    window.dispatchEvent(new CustomEvent("intentos:knob-turned", { detail: { run, name, value, from: this } }));
    if (live) {
      const plain = kind === "number" || kind === "integer" ? Number(value) : value;
      const bad = typeof plain === "number" && (!Number.isFinite(plain) || String(value).trim() === ""
        || plain < (minimum ?? -Infinity) || plain > (maximum ?? Infinity)
        || (kind === "integer" && !Number.isInteger(plain)));
      if (!bad) window.dispatchEvent(new CustomEvent("intentos:knob", { detail: { run, name, value: plain } }));
    }
    const report = () => {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.dispatchEvent(new CustomEvent("knob", { detail: { name, value: this.#value } }));
    };
    if (done) report();
    else if (!this.#timer) this.#timer = setTimeout(report, QUIET);
  }

  // Fills `control` and returns what shows a value in it.
  #controls(control, id) {
    const options = this.#options;
    switch (options.kind) {
      case "boolean": return this.#switch(control, id);
      case "choice": case "column":
        if (options.choices.length) return this.#choice(control, id);
        return this.#text(control, id);
      case "colour": return this.#colour(control, id);
      case "number": case "integer": return this.#number(control, id);
      default: return this.#text(control, id);
    }
  }

  #number(control, id) {
    const options = this.#options;
    const both = options.minimum !== null && options.maximum !== null && options.maximum > options.minimum;
    const scale = scaleOf(both ? options : { ...options, minimum: -Infinity, maximum: Infinity, scale: "free" });
    const field = make("input", {
      id, type: "text", inputmode: options.kind === "integer" ? "numeric" : "decimal", autocomplete: "off",
      spellcheck: "false", class: "knob-field" });
    let slider = null;
    if (both) {
      slider = make("input", { type: "range", min: 0, max: STEPS, step: 1, class: "knob-slider",
        "aria-label": options.label });
      slider.addEventListener("input", () => {
        field.value = String(scale.value(slider.value / STEPS));
        this.#spread(slider, field.value);
        this.#turn(field.value, false);
      });
      slider.addEventListener("change", () => this.#turn(field.value));
      slider.addEventListener("keydown", (event) => {
        // A key moves by the finest step, which on a wide range is less than one of the slider's.
        const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
        if (!by || Number.isNaN(Number(field.value))) return;
        event.preventDefault();
        this.#turn(String(scale.step(Number(field.value), by)), false, true);
      });
      control.append(slider);
    }
    field.addEventListener("input", () => {
      if (slider && field.value.trim() && Number.isFinite(Number(field.value))) {
        slider.value = scale.share(Number(field.value)) * STEPS;
        this.#spread(slider, field.value);
      }
      this.#turn(field.value, false);
    });
    field.addEventListener("change", () => this.#turn(field.value));
    field.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      const number = Number(field.value);
      if (!by || !field.value.trim() || !Number.isFinite(number)) return;
      event.preventDefault();
      const next = both ? scale.step(number, by) : Number((number + by).toPrecision(12));
      this.#turn(String(next), false, true);
    });
    const unit = options.unit ? [make("span", { class: "knob-unit" }, options.unit)] : [];
    control.append(make("span", { class: "knob-number" }, field, ...unit));
    return (value) => {
      field.value = String(value);
      if (slider && Number.isFinite(Number(value))) {
        slider.value = scale.share(Number(value)) * STEPS;
        this.#spread(slider, value);
      }
    };
  }

  #spread(slider, value) {
    slider.style.setProperty("--share", `${slider.value / STEPS * 100}%`);
    const unit = this.#options.unit ? ` ${this.#options.unit}` : "";
    slider.setAttribute("aria-valuetext", `${value}${unit}`);
  }

  #switch(control, id) {
    const button = make("button", { id, type: "button", role: "switch", class: "knob-switch",
      "aria-label": this.#options.label });
    button.addEventListener("click", () => this.#turn(button.getAttribute("aria-checked") !== "true", true, true));
    control.append(button);
    return (value) => button.setAttribute("aria-checked", String(value === true || value === "true"));
  }

  #choice(control, id) {
    const choices = this.#options.choices;
    const short = choices.length <= 4 && choices.map(([, title]) => title).join("").length <= 26;
    if (!short) {
      const select = make("select", { id, class: "knob-select" },
        ...choices.map(([value, title]) => make("option", { value }, title)));
      select.addEventListener("change", () => this.#turn(select.value));
      control.append(select);
      return (value) => { select.value = String(value); };
    }
    const group = make("div", { class: "knob-group", role: "radiogroup", "aria-label": this.#options.label });
    choices.forEach(([value, title], place) => {
      const input = make("input", { type: "radio", name: id, value, id: place ? null : id });
      input.addEventListener("change", () => this.#turn(value));
      group.append(make("label", {}, input, make("span", {}, title)));
    });
    control.append(group);
    return (value) => {
      for (const input of group.querySelectorAll("input")) input.checked = input.value === String(value);
    };
  }

  #colour(control, id) {
    const well = make("input", { type: "color", class: "knob-well", "aria-label": this.#options.label });
    const field = make("input", { id, type: "text", class: "knob-field", spellcheck: "false", maxlength: 40,
      autocomplete: "off" });
    const paint = (value) => { if (/^#[0-9a-f]{6}$/i.test(value)) well.value = value.toLowerCase(); };
    well.addEventListener("input", () => { field.value = well.value; this.#turn(well.value, false); });
    well.addEventListener("change", () => this.#turn(well.value));
    field.addEventListener("input", () => { paint(field.value); this.#turn(field.value, false); });
    field.addEventListener("change", () => this.#turn(field.value));
    control.append(well, field);
    return (value) => { field.value = String(value); paint(String(value)); };
  }

  #text(control, id) {
    const long = String(this.#options.initial).length > 48 || String(this.#options.initial).includes("\n");
    const expression = this.#options.kind === "expression";
    const field = long ? make("textarea", { id, rows: 3, class: "knob-text" })
      : make("input", { id, type: "text", class: "knob-text", autocomplete: "off" });
    field.spellcheck = !expression;
    field.classList.toggle("mono", expression);
    field.addEventListener("input", () => this.#turn(field.value, false));
    field.addEventListener("change", () => this.#turn(field.value));
    control.append(field);
    return (value) => { field.value = String(value); };
  }
}

customElements.define("intentos-knob", Knob);
