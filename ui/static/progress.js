// <intentos-progress>: what goes on, in the tab's title; and word of its end to who looks elsewhere.
//
// The element is there as long as its run goes on. A run is long from 20 seconds on; at the first
// such one a button offers to tell, which asks the browser once. Nothing is asked unasked.

const LONG = 20; // seconds
const ASKED = "intentos.notify";
const DONE = "✓ ";

const going = new Set();
let plain = document.title;
let put = "";

function title() {
  if (document.title !== put) plain = document.title.startsWith(DONE) ? document.title.slice(2) : document.title;
  const last = [...going].at(-1);
  const wanted = last ? `${last.told.tab} · ${plain}` : plain;
  if (document.title !== wanted) document.title = wanted;
  put = wanted;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.title.startsWith(DONE)) document.title = put = plain;
});

const asked = () => { try { return localStorage.getItem(ASKED); } catch { return "yes"; } };
const note = () => { try { localStorage.setItem(ASKED, "yes"); } catch { /* asked again next time */ } };

class Progress extends HTMLElement {
  static observedAttributes = ["options", "seconds"];
  told = { tab: "" };

  connectedCallback() { going.add(this); this.attributeChangedCallback(); }

  attributeChangedCallback() {
    if (!this.isConnected || !this.getAttribute("options")) return;
    this.told = JSON.parse(this.getAttribute("options"));
    title();
    const long = Number(this.getAttribute("seconds")) >= LONG;
    if (long && !this.firstChild && "Notification" in window && Notification.permission === "default" && !asked()) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button quiet tell-me";
      button.textContent = this.told.ask;
      button.addEventListener("click", () => { note(); button.remove(); Notification.requestPermission(); });
      this.append(button);
    }
  }

  disconnectedCallback() {
    going.delete(this);
    title();
    if (!document.hidden) return;
    document.title = put = DONE + plain;
    const long = Number(this.getAttribute("seconds")) >= LONG;
    if (long && "Notification" in window && Notification.permission === "granted") {
      const word = new Notification(this.told.ended, { body: this.told.title, tag: "intentos-run" });
      word.onclick = () => { window.focus(); word.close(); };
    }
  }
}

customElements.define("intentos-progress", Progress);
