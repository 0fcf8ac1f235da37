// Opens a plan file that somebody shared: by its button, or dropped where no wish is written.
// What is sent is read and judged by the server; nothing of it runs unasked.

import { Mounted } from "/static/window.js";

const KINDS = ".yaml,.yml";

class Opening {
  #host; #options; #stop = new AbortController();

  constructor(host, options) {
    this.#host = host;
    this.#options = options;
    const { signal } = this.#stop;
    document.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-action=open]")) this.#choose();
    }, { signal });
    // The composer takes what is dropped while it is there. Without it the browser would leave the
    // window and show the file.
    const elsewhere = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files") &&
      !document.querySelector(".composer");
    document.addEventListener("dragover", (event) => {
      if (elsewhere(event)) event.preventDefault();
    }, { signal });
    document.addEventListener("drop", (event) => {
      if (!elsewhere(event)) return;
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) this.#send(file);
    }, { signal });
  }

  destroy() {
    this.#stop.abort();
  }

  #choose() {
    const picker = document.createElement("input");
    picker.type = "file";
    picker.accept = KINDS;
    picker.style.display = "none";
    picker.addEventListener("change", () => {
      picker.remove();
      if (picker.files[0]) this.#send(picker.files[0]);
    });
    picker.addEventListener("cancel", () => picker.remove());
    document.body.append(picker); // one that is in no page may be gone before it is answered
    picker.click();
  }

  async #send(file) {
    const { url, most, too_large, failed } = this.#options;
    if (file.size > most) return this.#refuse(too_large.replace("{name}", () => file.name));
    try {
      const address = `${url}&name=${encodeURIComponent(file.name)}`;
      const answer = await fetch(address, { method: "POST", body: file });
      const told = await answer.json();
      if (!answer.ok) return this.#refuse(told.message ?? failed);
      const link = document.createElement("a"); // the framework follows it without reloading
      link.href = `/c/${told.conversation}`;
      this.#host.append(link);
      link.click();
      link.remove();
    } catch {
      this.#refuse(failed);
    }
  }

  #refuse(text) {
    this.#host.dispatchEvent(new CustomEvent("refused", { detail: text }));
  }
}

customElements.define("intentos-opening", class extends Mounted {
  async mount(options) { return new Opening(this, options); }
});
