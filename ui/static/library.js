/* Arrow keys go from card to card; Tab goes from one group of cards to the next. Moving pictures
   rest while somebody writes, and where the window is not at hand: each takes part of a core. */

const CARDS = ".lib-card";
const LESS_MOTION = "(prefers-reduced-motion: reduce)";

function rest() {
  const written = [...document.querySelectorAll(".composer textarea")].some((field) => field.value);
  const still = written || document.hidden || !document.hasFocus();
  for (const source of document.querySelectorAll(".lib-six source")) {
    source.media = still ? "all" : LESS_MOTION;
  }
}

for (const kind of ["input", "focus", "blur", "visibilitychange"]) addEventListener(kind, rest, true);

document.addEventListener("focusin", (event) => {
  const card = event.target.closest?.(CARDS);
  const group = card?.closest(".lib-grid, .lib-six");
  if (!group) return;
  for (const other of group.querySelectorAll(CARDS)) other.tabIndex = other === card ? 0 : -1;
});

document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(CARDS);
  if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
  const cards = [...document.querySelectorAll(CARDS)].filter(isShown);
  const next = target(event.key, card, cards);
  if (!next) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
});

function target(key, card, cards) {
  const place = cards.indexOf(card);
  const ahead = getComputedStyle(card).direction === "rtl" ? -1 : 1;
  if (key === "ArrowRight") return cards[place + ahead];
  if (key === "ArrowLeft") return cards[place - ahead];
  if (key === "Home") return cards[0];
  if (key === "End") return cards.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const here = card.getBoundingClientRect();
  const down = key === "ArrowDown";
  let best;
  let nearest = Infinity;
  for (const other of cards) {
    const there = other.getBoundingClientRect();
    const rows = down ? there.top - here.bottom : here.top - there.bottom;
    if (rows < -1) continue;
    const distance = rows * 8 + Math.abs(there.left - here.left);
    if (distance < nearest) [best, nearest] = [other, distance];
  }
  return best;
}

function isShown(card) {
  const box = card.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
}
