// A stage's last choice: the film or picture that the run left.

const OPEN_MS = 15_000;

export class FilmSource {
  kind = "film";
  driven = false;
  device = "";
  cost = 0;
  onlost = () => {};
  onprobe = () => {};
  onframe = () => {};

  #url; #job; #moves; #frameHandle = 0;

  // film: an address, or {url, media_type}; job: {playing, speed, framesPerSecond}
  constructor(film, job) {
    this.#url = typeof film === "string" ? film : film.url;
    const type = typeof film === "string" ? "" : film.media_type ?? "";
    this.#moves = type ? type.startsWith("video/") : /\.(mp4|webm)([?#]|$)/i.test(this.#url);
    this.#job = job;
    this.framesPerSecond = job.framesPerSecond || 30;
    this.can = new Set(this.#moves ? ["play", "step", "restart", "speed", "seek", "shot"] : ["shot"]);
    this.element = document.createElement(this.#moves ? "video" : "img");
  }

  get moves() {
    return this.#moves;
  }

  get width() {
    return this.#moves ? this.element.videoWidth : this.element.naturalWidth;
  }

  get height() {
    return this.#moves ? this.element.videoHeight : this.element.naturalHeight;
  }

  get index() {
    return this.#moves ? Math.floor(this.element.currentTime * this.framesPerSecond + 1e-3) : 0;
  }

  open() {
    const { element } = this;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${OPEN_MS} ms`)), OPEN_MS);
      const there = () => {
        clearTimeout(timer);
        element.onerror = () => this.onlost("");
        resolve();
        if (this.#moves) this.#follow();
      };
      element.onerror = () => {
        clearTimeout(timer);
        reject(new Error(element.error?.message ?? "")); // the address is no news to a person
      };
      if (this.#moves) {
        Object.assign(element, { muted: true, loop: true, playsInline: true, preload: "auto" });
        element.disableRemotePlayback = true;
        element.onloadeddata = () => {
          element.playbackRate = this.#job.speed;
          if (this.#job.playing) this.play();
          there();
        };
      } else {
        element.alt = "";
        element.draggable = false;
        element.onload = there;
      }
      element.src = this.#url;
    });
  }

  play() {
    // A browser may forbid it; the button then still says what the film does.
    if (this.#moves) this.element.play().catch(() => {});
  }

  pause() {
    if (this.#moves) this.element.pause();
  }

  hold(held) {
    if (!this.#moves) return;
    if (held) this.pause();
    else if (this.#job.playing) this.play();
  }

  paced(playing) {
    this.#job.playing = playing;
  }

  step() {
    return this.seek(this.index + 1);
  }

  restart() {
    return this.seek(0);
  }

  speed(value) {
    if (this.#moves) this.element.playbackRate = value;
  }

  async seek(frame) {
    if (!this.#moves) return;
    const { element } = this;
    const at = (frame + 0.5) / this.framesPerSecond;
    const target = Math.min(at, Math.max(0, (element.duration || 0) - 0.001));
    if (Math.abs(element.currentTime - target) < 1e-6) return;
    await new Promise((done) => {
      element.addEventListener("seeked", done, { once: true });
      element.currentTime = target;
    });
  }

  set() {}
  view() {}

  destroy() {
    cancelAnimationFrame(this.#frameHandle);
    this.element.onerror = this.element.onload = this.element.onloadeddata = null;
    if (this.#moves) {
      this.element.pause();
      this.element.removeAttribute("src");
      this.element.load(); // lets go of the decoder
    } else {
      this.element.removeAttribute("src");
    }
  }

  #follow() {
    let last = -1;
    const look = () => {
      this.#frameHandle = requestAnimationFrame(look);
      if (this.index !== last) this.onframe((last = this.index));
    };
    look();
  }
}
