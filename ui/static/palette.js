// The palette (Ctrl+K) and the list of keys (?). What is found is text and stays text.

import { Mounted, press } from "/static/window.js";

const SHOWN = 12;
const typing = (element) =>
  element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName ?? "");

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function icon(name) {
  const element = make("i", { class: "q-icon notranslate material-icons", "aria-hidden": "true" });
  element.textContent = name;
  return element;
}

// How well a text answers a query: every letter in its order, better at the beginning of words and
// in one piece; 0 where a letter is missing.
export function fits(query, text) {
  const wanted = query.toLowerCase().replace(/\s+/g, " ").trim(), given = text.toLowerCase();
  if (!wanted) return 1;
  const whole = given.indexOf(wanted);
  if (whole >= 0) {
    const begins = whole === 0 || /[^\p{L}\p{N}]/u.test(given[whole - 1]);
    return 1000 + (begins ? 500 : 0) - Math.min(whole, 200) / 20 - given.length / 10;
  }
  let score = 0, at = -1, run = 0;
  for (const letter of wanted.replaceAll(" ", "")) {
    const found = given.indexOf(letter, at + 1);
    if (found < 0) return 0;
    const begins = found === 0 || /[^\p{L}\p{N}]/u.test(given[found - 1]);
    run = found === at + 1 ? run + 1 : 0;
    score += begins ? 8 : run ? 6 : Math.max(0, 2 - (found - at) / 4);
    at = found;
  }
  // Letters strewn over a long text are found in any text.
  return score / wanted.length >= 3 ? score / wanted.length : 0;
}

class Palette {
  #host; #options; #dialog; #field; #list; #items = []; #active = 0; #found = { recipes: [], talks: [] };
  #listeners = new AbortController();

  constructor(host, options) {
    this.#host = host;
    this.#options = options;
    const signal = this.#listeners.signal;
    document.addEventListener("keydown", (event) => this.#key(event), { signal, capture: true });
    document.addEventListener("click", (event) => {
      const action = event.target.closest?.("[data-action]")?.dataset.action;
      if (action === "palette") this.open();
      if (action === "help") this.help();
    }, { signal });
  }

  destroy() {
    this.#listeners.abort();
    this.#host.replaceChildren();
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const ctrl = event.ctrlKey || event.metaKey;
    if (ctrl && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      event.stopPropagation();
      if (this.#dialog?.open) this.#dialog.close();
      else this.open();
    } else if (event.key === "?" && !ctrl && !typing(event.target) && !this.#dialog?.open) {
      event.preventDefault();
      this.help();
    }
  }

  #show(name, ...children) {
    this.#dialog?.close();
    const dialog = make("dialog", { class: "palette", "aria-label": name }, ...children);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    // Keys stay in here: Esc closes, and stops no run.
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.#host.append(dialog);
    this.#dialog = dialog;
    dialog.showModal();
    return dialog;
  }

  help() {
    const { words, keys, commands } = this.#options;
    const row = (pressed, does) => make("div", { class: "palette-key" },
      make("dt", {}, ...pressed.flatMap((key, i) => [...(i ? ["+"] : []), make("kbd", {}, key)])),
      make("dd", {}, does));
    const close = make("button", { type: "button", class: "round", "aria-label": words.close });
    close.append(icon("close"));
    close.addEventListener("click", () => this.#dialog.close());
    const slash = commands.map((c) => row([`/${c.name}`], c.title));
    this.#show(words.help_title,
      make("header", { class: "palette-head" }, make("h2", {}, words.help_title), close),
      make("div", { class: "palette-help" },
        make("dl", {}, ...keys.map(([pressed, does]) => row(pressed, does))),
        make("dl", {}, ...slash)));
  }

  async open() {
    const { words } = this.#options;
    this.#field = make("input", {
      class: "palette-field", type: "text", role: "combobox", "aria-expanded": "true",
      "aria-controls": "palette-list", "aria-autocomplete": "list", "aria-label": words.prompt,
      placeholder: words.prompt, autocomplete: "off", spellcheck: "false", autofocus: "" });
    this.#list = make("div", { class: "palette-list", id: "palette-list", role: "listbox", "aria-label": words.title });
    this.#field.addEventListener("input", () => this.#search());
    this.#field.addEventListener("keydown", (event) => this.#move(event));
    this.#show(words.title,
      make("div", { class: "palette-top" }, icon("search"), this.#field),
      this.#list, make("p", { class: "palette-hint" }, words.hint));
    this.#field.focus();
    this.#search();
    if (this.#options.guest) return;
    const answer = await fetch(this.#options.source);
    if (!answer.ok) return;
    this.#found = await answer.json();
    if (this.#dialog.open) this.#search();
  }

  #candidates() {
    const { words, commands } = this.#options;
    const here = (command) => !command.action || ["help", "palette"].includes(command.action)
      || document.querySelector(`[data-action="${command.action}"]`);
    const composer = document.querySelector(".composer textarea");
    return [
      ...commands.filter((c) => here(c) && (c.path || c.action || composer)).map((c) => ({
        kind: words.command, symbol: c.symbol, title: c.title, also: `/${c.name}`, keys: c.keys,
        path: c.path, act: () => this.#command(c), weight: 1.2 })),
      ...this.#found.talks.map(([id, title]) => ({
        kind: words.talk, symbol: "chat_bubble_outline", title, also: "", path: `/c/${id}`, weight: 1 })),
      ...this.#found.recipes.map(([id, title, also, law]) => ({
        kind: words.recipe, symbol: "auto_awesome", title, also, weight: law ? 0.9 : 1.05,
        act: () => this.#tell({ recipe: id }) })),
    ];
  }

  #search() {
    const query = this.#field.value.slice(0, 200), { words } = this.#options;
    let found = this.#candidates();
    if (query.trim()) {
      found = found
        .map((one) => ({ ...one, score: one.weight * Math.max(fits(query, one.title), fits(query, one.also)) }))
        .filter((one) => one.score > 0).sort((a, b) => b.score - a.score);
    } else {
      found = [...found.filter((one) => one.kind === words.command).slice(0, 7),
        ...found.filter((one) => one.kind === words.talk).slice(0, 5)];
    }
    this.#items = found.slice(0, SHOWN);
    if (query.trim() && !this.#options.guest) {
      this.#items.push({ kind: "", symbol: "arrow_upward", title: words.ask.replace("{text}", () => query.trim()),
        act: () => this.#tell({ wish: query.trim() }) });
    }
    this.#active = 0;
    this.#draw();
  }

  #draw() {
    const rows = this.#items.map((one, place) => {
      const row = make(one.path ? "a" : "div", {
        class: "palette-item", role: "option", id: `palette-${place}`, tabindex: "-1" },
      icon(one.symbol), make("span", { class: "palette-title" }, one.title),
      make("span", { class: "palette-kind" }, one.keys || one.kind));
      if (one.path) row.setAttribute("href", one.path);  // the framework follows it without reloading
      row.addEventListener("click", () => this.#choose(one));
      row.addEventListener("pointermove", () => { if (this.#active !== place) this.#mark(place); });
      return row;
    });
    if (!rows.length) rows.push(make("p", { class: "palette-none" }, this.#options.words.nothing));
    this.#list.replaceChildren(...rows);
    this.#mark(this.#active);
  }

  #mark(place) {
    this.#active = place;
    [...this.#list.querySelectorAll("[role=option]")].forEach((row, i) => {
      row.setAttribute("aria-selected", String(i === place));
      if (i === place) row.scrollIntoView({ block: "nearest" });
    });
    if (this.#items.length) this.#field.setAttribute("aria-activedescendant", `palette-${place}`);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #move(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const count = this.#items.length;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 };
    if (event.key in steps && count) {
      event.preventDefault();
      const one = Math.abs(steps[event.key]) === 1, next = this.#active + steps[event.key];
      this.#mark(one ? (next + count) % count : Math.max(0, Math.min(count - 1, next)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      document.getElementById(`palette-${this.#active}`)?.click();
    }
  }

  #choose(one) {
    this.#dialog.close();
    one.act?.();
  }

  #command(command) {
    if (command.path) return;
    if (command.action === "help") this.help();
    else if (command.action) press(command.action);
    else {
      const composer = document.querySelector(".composer textarea");
      if (!composer) return;
      composer.focus();
      composer.value = `/${command.name} `;
      composer.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  #tell(detail) {
    this.#host.dispatchEvent(new CustomEvent("try", { detail }));
  }
}

customElements.define("intentos-palette", class extends Mounted {
  async mount(options) { return new Palette(this, options); }
});
