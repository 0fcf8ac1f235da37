// Loaded by every page of the window: the custom elements, and the keys that belong to no field.
//
// A button says with data-action what it does; a key presses the last such button that is there,
// so that whatever a key does can be done by hand and is found by assistive technology.

const KEYS = [
  { key: "Escape", action: "stop" },
  { key: "Enter", ctrl: true, action: "run" },
];

const shown = (element) => element.getClientRects().length > 0 && !element.disabled;

// Presses the last button that does an action; returns whether there was one.
export function press(action) {
  const buttons = [...document.querySelectorAll(`[data-action="${action}"]`)].filter(shown);
  buttons.at(-1)?.click();
  return buttons.length > 0;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  const ctrl = event.ctrlKey || event.metaKey;
  const wanted = KEYS.find((k) => k.key === event.key && Boolean(k.ctrl) === ctrl);
  if (wanted && press(wanted.action)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-action=skip]")) return;
  event.preventDefault();
  document.querySelector(".content")?.focus();
});

// Gives what the server made a name that the page understands: a custom element with its options
// as JSON in one attribute. Text in them is text; nothing of it becomes markup.
export class Mounted extends HTMLElement {
  static observedAttributes = ["options"];
  #mounted = null;
  #options = "";

  connectedCallback() { this.#mount(); }
  attributeChangedCallback() { if (this.isConnected) this.#mount(); }
  disconnectedCallback() {
    this.#options = "";
    this.#mounted?.then((mounted) => mounted?.destroy?.());
    this.#mounted = null;
  }

  async mount(_options) { throw new Error("to be written by the element"); }

  #mount() {
    const text = this.getAttribute("options") ?? "";
    if (!text || text === this.#options) return;
    const options = JSON.parse(text), before = this.#mounted;
    this.#options = text;
    // What can take the new options as it is stays, so that a picture that moves goes on moving.
    this.#mounted = (async () => {
      const mounted = await before;
      if (mounted?.update?.(options)) return mounted;
      mounted?.destroy?.();
      return this.mount(options);
    })().catch((error) => {
      this.textContent = String(error.message ?? error);
    });
  }
}

customElements.define("intentos-stage", class extends Mounted {
  async mount(options) {
    const { mountStage } = await import("/static/stage.js");
    return mountStage(this, options);
  }
});

customElements.define("intentos-voice", class extends Mounted {
  async mount(options) {
    const { mountVoice } = await import("/static/voice.js");
    return mountVoice(this, options);
  }
});
