// The composer's side of the browser: keys, the menu of commands, what was said before, drafts,
// files by button, drop and clipboard. What is sent, and why it is not, the server decides.

const HISTORY = "intentos.said", DRAFT = "intentos.draft.";
const KEPT = 100, LONGEST = 4000, LOOK = 600; // wishes, characters of one, milliseconds

const composerOf = (element) => element?.closest?.(".composer") ?? null;
const fieldOf = (composer) => composer?.querySelector("textarea") ?? null;
const shown = (element) => element.getClientRects().length > 0 && !element.disabled;
const told = (composer, name) => JSON.parse(composer.dataset[name] ?? "null");

const store = {
  read(key) { try { return localStorage.getItem(key); } catch { return null; } },
  write(key, text) {
    try {
      if (text) localStorage.setItem(key, text);
      else localStorage.removeItem(key);
    } catch { /* a browser that keeps nothing still sends */ }
  },
};

// As if it had been typed, so that the server hears of it.
function put(field, text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.setSelectionRange(text.length, text.length);
}

function say(composer, text) {
  let line = composer.querySelector(".composer-hint");
  if (!line) {
    line = document.createElement("div");
    line.className = "composer-hint";
    line.setAttribute("role", "status");
    composer.append(line);
  }
  line.textContent = text;
}

// ---- what was said before ------------------------------------------------------------------

const said = (composer) => {
  const kept = JSON.parse(store.read(HISTORY) ?? "[]");
  return [...new Set([...kept, ...(told(composer, "said") ?? [])])];
};

function remember(text) {
  const wish = text.trim().slice(0, LONGEST);
  if (!wish) return;
  const kept = JSON.parse(store.read(HISTORY) ?? "[]").filter((earlier) => earlier !== wish);
  store.write(HISTORY, JSON.stringify([...kept, wish].slice(-KEPT)));
}

let place = -1; // how far back, -1: in what is being written
let written = "";

function browse(field, by) {
  const wishes = said(composerOf(field));
  const next = place + by;
  if (next < -1 || next >= wishes.length) return false;
  if (place === -1) written = field.value;
  place = next;
  put(field, place === -1 ? written : wishes[wishes.length - 1 - place]);
  return true;
}

// ---- the menu of commands ------------------------------------------------------------------

class Menu {
  constructor(composer) {
    this.composer = composer;
    this.list = document.createElement("ul");
    this.list.className = "command-menu";
    this.list.id = "command-menu";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", told(composer, "words").commands);
    composer.append(this.list);
    this.close();
  }

  get open() { return !this.list.hidden; }

  close() {
    this.list.hidden = true;
    fieldOf(this.composer)?.removeAttribute("aria-activedescendant");
  }

  show(typed) {
    const begun = /^\/([a-z]*)$/i.exec(typed);
    const fitting = begun ? (told(this.composer, "commands") ?? []).filter(
      (command) => command.name.startsWith(begun[1].toLowerCase())) : [];
    if (!fitting.length) return this.close();
    this.commands = fitting;
    this.list.replaceChildren(...fitting.map((command, number) => {
      const row = document.createElement("li");
      row.id = `command-${number}`;
      row.setAttribute("role", "option");
      const name = document.createElement("span");
      name.className = "command-name";
      name.textContent = `/${command.name}`;
      const title = document.createElement("span");
      title.textContent = command.title;
      row.append(name, title);
      row.addEventListener("pointerdown", (event) => { event.preventDefault(); this.choose(number); });
      return row;
    }));
    this.list.hidden = false;
    this.move(0, true);
  }

  move(by, first = false) {
    const count = this.commands.length;
    this.at = first ? 0 : (this.at + by + count) % count;
    [...this.list.children].forEach((row, number) => {
      row.setAttribute("aria-selected", String(number === this.at));
      if (number === this.at) {
        row.scrollIntoView({ block: "nearest" });
        fieldOf(this.composer)?.setAttribute("aria-activedescendant", row.id);
      }
    });
  }

  choose(number = this.at) {
    const command = this.commands[number];
    const field = fieldOf(this.composer);
    this.close();
    if (!command.action && !command.path) {
      put(field, `/${command.name} `);
      return field.focus();
    }
    put(field, "");
    if (command.path) {
      const link = [...document.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === command.path);
      return link ? link.click() : location.assign(command.path);
    }
    const button = [...document.querySelectorAll(`[data-action="${command.action}"]`)].filter(shown).at(-1);
    if (button) button.click();
    else say(this.composer, told(this.composer, "words").nothing);
  }
}

const menus = new WeakMap();
const menuOf = (composer) => {
  if (!menus.has(composer)) menus.set(composer, new Menu(composer));
  return menus.get(composer);
};

// ---- keys ----------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const field = event.target;
  const composer = field instanceof HTMLTextAreaElement ? composerOf(field) : null;
  if (!composer || event.isComposing || event.keyCode === 229) return;
  const menu = menuOf(composer);
  if (menu.open && !event.ctrlKey && !event.metaKey) {
    const does = {
      ArrowDown: () => menu.move(1), ArrowUp: () => menu.move(-1), Tab: () => menu.choose(),
      Enter: () => menu.choose(), Escape: () => menu.close(),
    }[event.key];
    if (does) {
      event.preventDefault();
      event.stopPropagation();
      return does();
    }
  }
  if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    remember(field.value);
    place = -1;
    return composer.querySelector("[data-action=send]")?.click();
  }
  const up = event.key === "ArrowUp" && (place >= 0 || !field.value);
  const down = event.key === "ArrowDown" && place >= 0;
  if ((up || down) && !event.shiftKey && browse(field, up ? 1 : -1)) event.preventDefault();
}, true);

document.addEventListener("input", (event) => {
  const composer = composerOf(event.target);
  if (!composer || event.target !== fieldOf(composer)) return;
  if (event.isTrusted) place = -1;
  say(composer, "");
  menuOf(composer).show(event.target.value);
});

document.addEventListener("focusout", (event) => {
  const composer = composerOf(event.target);
  if (composer && event.target === fieldOf(composer)) menuOf(composer).close();
});

// ---- files ---------------------------------------------------------------------------------

const uploadOf = (composer) => JSON.parse(composer.querySelector("[data-upload]")?.dataset.upload ?? "null");

// Files that the server has not got yet; and whose wish was sent meanwhile, which waits for them.
const onTheWay = new Map(), waiting = new Set();

document.addEventListener("click", (event) => {
  const composer = composerOf(event.target.closest?.("[data-action=send]"));
  if (!composer || !onTheWay.get(composer)) return;
  event.stopImmediatePropagation();
  waiting.add(composer);
  say(composer, told(composer, "words").still);
}, true);

async function send(composer, files) {
  const upload = uploadOf(composer);
  if (!upload) return;
  if (files.length > upload.files) return say(composer, upload.too_many);
  onTheWay.set(composer, (onTheWay.get(composer) ?? 0) + 1);
  try {
    await sendEach(composer, files, upload);
  } finally {
    onTheWay.set(composer, onTheWay.get(composer) - 1);
    if (!onTheWay.get(composer) && waiting.delete(composer)) {
      say(composer, "");
      composer.querySelector("[data-action=send]")?.click();
    }
  }
}

async function sendEach(composer, files, upload) {
  for (const file of files) {
    if (file.size > upload.most) {
      say(composer, upload.too_large);
      continue;
    }
    const form = new FormData();
    form.append("file", file, file.name || "clipboard.png");
    try {
      const answer = await fetch((window.path_prefix ?? "") + upload.url, { method: "POST", body: form });
      if (!answer.ok) throw new Error(answer.statusText);
    } catch {
      say(composer, upload.failed);
      waiting.delete(composer);
    }
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-action=attach]");
  const composer = composerOf(button);
  if (!composer) return;
  const picker = document.createElement("input");
  picker.type = "file";
  picker.multiple = true;
  picker.addEventListener("change", () => send(composer, [...picker.files]));
  picker.click();
});

document.addEventListener("paste", (event) => {
  const composer = composerOf(event.target);
  const files = [...(event.clipboardData?.files ?? [])];
  if (!composer || !files.length) return;
  event.preventDefault();
  send(composer, files);
});

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const dropping = () => document.querySelector(".composer");

document.addEventListener("dragover", (event) => {
  const composer = dropping();
  if (!composer || !holdsFiles(event)) return;
  event.preventDefault();
  composer.dataset.drop = told(composer, "words").drop;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) dropping()?.removeAttribute("data-drop");
});
document.addEventListener("drop", (event) => {
  const composer = dropping();
  if (!composer || !holdsFiles(event)) return;
  event.preventDefault();
  composer.removeAttribute("data-drop");
  send(composer, [...event.dataTransfer.files]);
});

// ---- drafts ----------------------------------------------------------------------------------

const met = new WeakSet();

// What was written before a conversation began belongs to it from then on.
const moves = new MutationObserver((changes) => {
  for (const { target, oldValue } of changes) {
    const [from, to] = [DRAFT + oldValue, DRAFT + target.dataset.conversation];
    if (from === to) continue;
    store.write(to, fieldOf(target)?.value);
    store.write(from, "");
  }
});

setInterval(() => {
  for (const composer of document.querySelectorAll(".composer[data-conversation]")) {
    const field = fieldOf(composer);
    if (!field) continue;
    const key = DRAFT + composer.dataset.conversation;
    if (!met.has(field)) {
      met.add(field);
      moves.observe(composer, { attributeFilter: ["data-conversation"], attributeOldValue: true });
      const draft = store.read(key), sent = told(composer, "said")?.at(-1);
      if (draft && !field.value && draft.trim() !== sent) put(field, draft);
      if (matchMedia("(pointer: fine)").matches && document.activeElement === document.body) field.focus();
    } else if ((store.read(key) ?? "") !== field.value) store.write(key, field.value);
  }
}, LOOK);
