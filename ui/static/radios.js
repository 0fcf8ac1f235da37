// Arrow keys within a group of radio buttons, as people with a keyboard expect of one.
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const radio = event.target.closest?.("[role=radio]"), step = STEPS[event.key];
  const group = radio?.closest("[role=radiogroup]");
  if (!group || !step) return;
  event.preventDefault();
  const radios = [...group.querySelectorAll("[role=radio]")].filter((one) => !one.disabled);
  const next = radios[(radios.indexOf(radio) + step + radios.length) % radios.length];
  next.focus();
  next.click();
});
