// The page that a run is exported to: the stage, its knobs, two languages, light and dark.

import { mountStage } from "./stage.js";

const root = document.documentElement, body = document.body;
const data = JSON.parse(document.getElementById("data").textContent);
const place = document.getElementById("stage");
const knobs = [...document.querySelectorAll("[data-knob]")];
const reset = document.getElementById("reset");
const note = document.querySelector(".turned-note");
const command = document.getElementById("command");

const language = () => root.lang.startsWith("zh") ? "zh" : "en";

function bytesOf(id) {
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const addressOf = (id, type) => URL.createObjectURL(new Blob([bytesOf(id)], { type }));

// --- the stage ---

const film = data.film
  ? { url: addressOf(data.film.block, data.film.media_type), media_type: data.film.media_type }
  : undefined;
const arrays = Object.fromEntries(
  Object.entries(data.arrays ?? {}).map(([sha, id]) => [sha, bytesOf(id)]));
const parameters = { ...data.parameters };
let stage = null;

function mount() {
  if (!place || !(data.program || film)) return;
  stage?.destroy();
  place.textContent = "";
  const { width = 16, height = 9 } = data.program ?? {};
  place.style.setProperty("--ratio", `${width} / ${height}`);
  stage = mountStage(place, {
    run: data.run, program: data.program, live: data.live, seed: data.seed, arrays, film,
    parameters, title: data.title[language()], words: data.words[language()],
    language: language(), scrolls: true,
  });
}

// Knobs turn what this browser computes; a film has none.
place?.addEventListener("stage:state", ({ detail }) => {
  const plays = detail.kind === "gpu";
  for (const knob of knobs) knob.disabled = !plays;
  const off = document.getElementById("knobs-off");
  if (off) off.hidden = plays || detail.kind === null;
  const video = place.querySelector("video");
  if (video?.videoWidth) {
    place.style.setProperty("--ratio", `${video.videoWidth} / ${video.videoHeight}`);
  }
});

// --- knobs ---

function valueOf(knob) {
  if (knob.type === "checkbox") return knob.checked;
  return knob.type === "color" ? knob.value : Number(knob.value);
}

function plain(value) {
  if (typeof value !== "number") return String(value);
  return value.toLocaleString("en", { maximumSignificantDigits: 4, useGrouping: false });
}

function show(knob, value) {
  const output = knob.closest(".knob").querySelector("output .value");
  if (output) output.textContent = plain(value);
  const { min, max } = knob;
  if (knob.type === "range" && max > min) {
    knob.style.setProperty("--at", String((knob.value - min) / (max - min)));
  }
}

function turn(knob) {
  const name = knob.dataset.knob, value = valueOf(knob);
  if (knob.type === "number" && (knob.value === "" || !knob.validity.valid)) return;
  parameters[name] = value;
  show(knob, value);
  dispatchEvent(new CustomEvent("intentos:knob", { detail: { run: data.run, name, value } }));
  tell();
}

function tell() {
  const turned = knobs.filter((knob) => parameters[knob.dataset.knob] !== data.parameters[knob.dataset.knob]);
  body.classList.toggle("turned", turned.length > 0);
  if (note) note.hidden = !turned.length;
  if (reset) reset.hidden = !turned.length;
  if (!command || !data.plan) return;
  const set = turned.map((knob) => {
    const word = `${knob.dataset.knob}=${parameters[knob.dataset.knob]}`;
    return ` --set ${/^[\w.=-]+$/.test(word) ? word : `"${word}"`}`;
  });
  command.textContent = `intentos run ${/^[\w.-]+$/.test(data.plan) ? data.plan : `"${data.plan}"`}${set.join("")}`;
}

for (const knob of knobs) {
  show(knob, valueOf(knob));
  knob.addEventListener("input", () => turn(knob));
}
reset?.addEventListener("click", () => {
  for (const knob of knobs) {
    const value = data.parameters[knob.dataset.knob];
    if (knob.type === "checkbox") knob.checked = value;
    else knob.value = value;
    turn(knob);
    // A slider may not stand exactly where the run stood.
    parameters[knob.dataset.knob] = value;
    show(knob, value);
  }
  tell();
});

// --- the page ---

document.getElementById("language").addEventListener("click", () => {
  root.lang = language() === "zh" ? "en" : "zh-Hans";
  document.title = data.title[language()];
  mount();
});
document.getElementById("look").addEventListener("click", () => {
  body.classList.toggle("body--dark");
});
if (data.plan) {
  document.getElementById("again").hidden = false;
  document.getElementById("take").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = addressOf("plan", "application/yaml");
    link.download = data.plan;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
document.title = data.title[language()] || document.title;
tell();
mount();
