// The curves of a graph whose cards are ordinary elements: each names itself in data-node, and in
// data-from those that it came from. Nothing is read as markup.
const SVG = "http://www.w3.org/2000/svg";

customElements.define("intentos-flow", class extends HTMLElement {
  #watch = null; #svg = null;

  connectedCallback() {
    this.#watch = new ResizeObserver(() => this.#draw());
    this.#watch.observe(this);
    this.addEventListener("load", () => this.#draw(), true);
  }

  disconnectedCallback() { this.#watch?.disconnect(); }

  #draw() {
    const cards = new Map([...this.querySelectorAll("[data-node]")].map((c) => [c.dataset.node, c]));
    this.#svg?.remove();
    const svg = this.#svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "flow-lines");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("width", this.scrollWidth);
    svg.setAttribute("height", this.scrollHeight);
    const own = this.getBoundingClientRect();
    const place = (card) => {
      const box = card.getBoundingClientRect();
      return { left: box.left - own.left + this.scrollLeft, right: box.right - own.left + this.scrollLeft,
        top: box.top - own.top, bottom: box.bottom - own.top, x: (box.left + box.right) / 2 - own.left,
        y: (box.top + box.bottom) / 2 - own.top };
    };
    for (const card of cards.values()) {
      for (const name of (card.dataset.from || "").split(" ")) {
        const from = cards.get(name);
        if (!from) continue;
        const a = place(from), b = place(card), path = document.createElementNS(SVG, "path");
        if (b.left >= a.right - 1) {  // beside one another
          const middle = (a.right + b.left) / 2;
          path.setAttribute("d", `M${a.right} ${a.y}C${middle} ${a.y} ${middle} ${b.y} ${b.left} ${b.y}`);
        } else {  // below, as on a phone and between steps
          path.setAttribute("d", `M${a.x} ${a.bottom}L${b.x} ${b.top}`);
        }
        svg.append(path);
      }
    }
    this.prepend(svg);
  }
});
