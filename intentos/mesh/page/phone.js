// The page that lends a phone: what it will do, how much battery it may use, and a way to stop.
//
// Nothing is computed and nobody is told anything before the button is pressed. All work is done in
// a worker; this file shows it, and says when the phone rests.

import { SHARES, drained, resting } from "./phone_rules.js";

const JOINED = "intentos.joined";
const at = (id) => document.getElementById(id);
const fingerprint = document.documentElement.dataset.fingerprint;
const [token = "", printed = ""] = location.hash.slice(1).split(".");
const languages = await (await fetch("/page/words.json")).json();

let language = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
let able = null, joined = localStorage.getItem(JOINED) ?? "", owner = "";
let lending = false, wish = false, hot = false, up = false, works = false, out = false;
let battery = null, began = 1, since = 0, served = 0, progress = "", lock = null, pictured = false;
const trouble = { code: "", facts: {} };

const worker = new Worker("/page/phone_worker.js", { type: "module" });

function say(key, facts = {}) {
  return (languages[language][key] ?? key).replace(/\{(\w+)\}/g, (all, name) => facts[name] ?? all);
}

function share() {
  return SHARES[document.querySelector("input[name=share]:checked").value];
}

function why() {
  const empty = battery !== null &&
    drained({ share: share(), level: battery.level, charging: battery.charging, began });
  return resting({ wish: wish || !lending, hidden: document.hidden, hot, battery: empty });
}

// ---- showing ------------------------------------------------------------------------------------

function draw() {
  document.documentElement.lang = language;
  document.title = "IntentOS · " + say("title");
  for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  at("language").textContent = language === "zh" ? "English" : "中文";
  at("print").textContent = fingerprint.slice(0, 16).match(/..../g).join(" ");
  at("show").hidden = !lending;
  for (const id of ["hero", "will", "first", "naming"]) at(id).hidden = lending;
  at("charge").textContent = charge();
  for (const choice of document.querySelectorAll("input[name=share]")) {
    choice.disabled = battery === null;
  }
  const rest = why(), button = at("go");
  button.textContent = say(!lending ? (joined && !token ? "again" : "start")
    : wish ? "resume" : "pause");
  button.classList.toggle("calm", lending && !wish);
  button.disabled = !able?.able || out || !(token || joined);
  const mood = out || !up ? "off" : rest ? "rests" : "works";
  at("dot").className = "dot " + mood;
  at("state").textContent = out ? say("out") : !up ? say("connecting")
    : rest ? say("rests_" + rest) : works ? say("working") : say("waiting");
  at("detail").textContent = out || !up ? "" : rest ? say("rests_detail")
    : works ? progress : say("lent_to", { owner });
  at("quiet").hidden = pictured;
  at("served").textContent = served;
  at("used").textContent = battery === null ? "–"
    : `${Math.max(0, Math.round(100 * (began - battery.level)))} %`;
  const broken = trouble.code || (able && !able.able ? able.why : !token && !joined ? "no_token" : "")
    || (printed && printed !== fingerprint ? "another_hub" : "");
  at("trouble").hidden = !broken;
  if (broken) at("trouble").textContent = say("trouble_" + broken, trouble.facts);
}

function charge() {
  if (battery === null) return say("battery_unknown");
  const level = Math.round(100 * battery.level);
  return say(battery.charging ? "battery_charging" : "battery_level", { level });
}

function tick() {
  const seconds = Math.floor((Date.now() - since) / 1000);
  const two = (number) => String(number).padStart(2, "0");
  at("since").textContent = lending ? `${Math.floor(seconds / 60)}:${two(seconds % 60)}` : "0:00";
}

// ---- acting -------------------------------------------------------------------------------------

function changed() {
  worker.postMessage({ do: "rest", why: why() });
  if (why()) works = false;
  wake();
  draw();
}

async function wake() {
  if (lending && !wish && !document.hidden) {
    try {
      lock ??= await navigator.wakeLock?.request("screen") ?? null;
      lock?.addEventListener("release", () => { lock = null; });
    } catch {
      lock = null; // the browser may refuse it: the screen then goes dark by itself, and work rests
    }
  } else {
    await lock?.release();
  }
}

function press() {
  trouble.code = "";
  if (lending) {
    wish = !wish;
    return changed();
  }
  const name = at("name").value.trim() || at("name").placeholder;
  worker.postMessage({ do: "look", fingerprint, name }); // under the name that was chosen
  if (token) worker.postMessage({ do: "join", token, name });
  else lend(joined);
}

function lend(whose) {
  lending = true;
  wish = false;
  owner = whose;
  began = battery?.level ?? 1;
  since = Date.now();
  worker.postMessage({ do: "line" });
  changed();
}

worker.onmessage = ({ data }) => {
  if (data.tell === "able") able = data;
  else if (data.tell === "joined") {
    localStorage.setItem(JOINED, joined = data.owner);
    history.replaceState(null, "", "/join"); // the token is spent; it need not stay in sight
    lend(data.owner);
  } else if (data.tell === "line") {
    up = data.up;
    owner = data.owner ?? owner;
    if (!up) works = false;
  } else if (data.tell === "begun") works = true;
  else if (data.tell === "frame") show(data);
  else if (data.tell === "idle") {
    works = false;
    at("bar").style.width = 0;
  }
  else if (data.tell === "done") served += data.status === "ok";
  else if (data.tell === "hot") {
    hot = data.hot;
    return changed();
  } else if (data.tell === "out") {
    out = true;
    localStorage.removeItem(JOINED);
  } else if (data.tell === "trouble") {
    const known = Object.hasOwn(languages.en, "trouble_" + data.code);
    trouble.code = known ? data.code : "failed";
    trouble.facts = { what: data.what };
    // This very phone may have joined before, and its answer been lost: then its key is in.
    if (data.code === "used" && joined) lend(joined);
  }
  draw();
};

worker.onerror = (event) => {
  trouble.code = "failed";
  trouble.facts = { what: event.message ?? "worker" };
  draw();
};

function show({ index, frames, width, height, pixels }) {
  works = !why();
  progress = say("frames", { done: index + 1, all: frames });
  at("bar").style.width = `${(100 * (index + 1)) / frames}%`;
  if (!pixels) return;
  pictured = true;
  const canvas = at("canvas");
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

// ---- beginning ----------------------------------------------------------------------------------

at("name").placeholder = /android/i.test(navigator.userAgent) ? "Android"
  : /iphone/i.test(navigator.userAgent) ? "iPhone"
  : /ipad/i.test(navigator.userAgent) ? "iPad" : "Browser";
at("go").addEventListener("click", press);
at("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  draw();
});
at("power").addEventListener("change", changed);
document.addEventListener("visibilitychange", changed);
addEventListener("pagehide", () => worker.postMessage({ do: "leave" }));
addEventListener("pageshow", (event) => {
  if (event.persisted && lending) worker.postMessage({ do: "line" });
});
setInterval(tick, 1000);
draw();
worker.postMessage({ do: "look", fingerprint, name: at("name").placeholder });
if (navigator.getBattery) {
  battery = await navigator.getBattery();
  for (const kind of ["levelchange", "chargingchange"]) battery.addEventListener(kind, changed);
  draw();
}
