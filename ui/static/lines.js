// <intentos-lines>: a difference, line by line, added and removed ones coloured. All of it is text.
import { Mounted } from "/static/window.js";

const KINDS = { "+": "added", "-": "removed", "@": "place" };

customElements.define("intentos-lines", class extends Mounted {
  async mount({ lines }) {
    const list = document.createElement("pre");
    for (const line of lines) {
      const row = document.createElement("span");
      row.className = KINDS[line[0]] ?? "same";
      row.textContent = `${line}\n`;
      list.append(row);
    }
    this.replaceChildren(list);
    return { destroy: () => list.remove() };
  }
});
