// Says before anything is painted whether the window is dark, so that no wrong theme flashes up.
// Loaded in the head, before the style sheets act; the server says what the person chose.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => document.querySelector("meta[name=intentos-theme]")?.content ?? "system";
  const show = (dark) => { root.dataset.theme = dark ? "dark" : "light"; };
  show(chosen() === "system" ? system.matches : chosen() === "dark");
  // From then on the framework knows best: it hears of a new choice, and of the system's.
  const follow = () => new MutationObserver(() => {
    const { classList } = document.body;
    if (classList.contains("body--dark") || classList.contains("body--light")) {
      show(classList.contains("body--dark"));
    }
  }).observe(document.body, { attributeFilter: ["class"] });
  if (document.body) follow();
  else document.addEventListener("DOMContentLoaded", follow);
})();
