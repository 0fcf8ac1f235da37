// What the results of a run need in the browser: two stages in step, copying, small films.

import { Mounted } from "/static/window.js";

const COPIED_MS = 1_500;

// Two stages beside each other that play, pause and turn as one.
customElements.define("intentos-pair", class extends Mounted {
  async mount({ left, right }) {
    const { mountStage } = await import("/static/stage.js");
    const places = [left, right].map(() => document.createElement("div"));
    places.forEach((place) => place.classList.add("pair-side"));
    this.replaceChildren(...places);
    const stages = [left, right].map((options, side) => mountStage(places[side], options));
    let gone = false;
    Promise.all(stages.map((stage) => stage.ready)).then(async (kinds) => {
      if (!gone && kinds.every(Boolean)) await stages[0].join(stages[1]);
      if (!gone) this.dataset.joined = "true";
    });
    return {
      destroy: () => {
        gone = true;
        stages.forEach((stage) => stage.destroy());
        this.replaceChildren();
      },
    };
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const { copy, done } = button.dataset;
  try {
    await navigator.clipboard.writeText(copy);
  } catch { // no secure context: the old way
    const field = document.createElement("textarea");
    field.value = copy;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.classList.add("copied");
  button.setAttribute("aria-description", done);
  setTimeout(() => {
    button.classList.remove("copied");
    button.removeAttribute("aria-description");
  }, COPIED_MS);
});

// Small films move while they are pointed at, or have the focus.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const filmIn = (event) => event.target.closest?.(".result-picture")?.querySelector("video");
for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => {
    if (!calm.matches) filmIn(event)?.play().catch(() => {});
  });
}
for (const name of ["pointerout", "focusout"]) {
  document.addEventListener(name, (event) => {
    const frame = event.target.closest?.(".result-picture");
    if (frame && !frame.contains(event.relatedTarget)) frame.querySelector("video")?.pause();
  });
}

// Charts are drawn in the theme's colours as they were: draw them again when it changes.
new MutationObserver(() => {
  for (const chart of document.querySelectorAll(".result-chart")) {
    window.getElement?.(chart.id)?.update_chart?.();
  }
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });
