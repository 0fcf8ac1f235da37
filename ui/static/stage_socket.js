// A stage's second and third choice: frames that the server draws.
//
// `live`: a session of its own on the server's GPU, with all controls. `frames`: a running run's
// own frames, which can only be watched. A frame is a 16-byte little-endian header (u32 index,
// u32 rounds, u16 width, u16 height, u8 format, 3 zero bytes) and an encoded picture.

const HEADER = 16;
const FORMATS = { 1: "image/jpeg", 2: "image/webp", 3: "image/png" };
const OPEN_MS = 15_000; // until the first frame, or until a word that it is still to come
const TRIES = 5; // to come back, before the next source has its turn
const FIRST_WAIT = 400, LONGEST_WAIT = 8_000; // milliseconds
const VIEW_MS = 30; // at most one view is sent in this time

export class SocketSource {
  driven = false;
  element = document.createElement("canvas");
  device = "";
  cost = 0;
  index = -1;
  width = 0;
  height = 0;
  framesPerSecond = 30;
  onlost = () => {};
  onprobe = () => {};
  onframe = () => {};
  onstate = () => {}; // "away" while it tries to come back, "back", "end"
  onrestart = () => {};
  patient = false; // waits for its first frame as long as the server says that it is to come

  #url; #job; #socket = null; #gone = false; #ended = false; #tries = 0; #timer = 0;
  #playing; #speed = 1; #view = {}; #viewTimer = 0; #viewed = {}; #decoding = Promise.resolve();
  #held = false; #opened = null; #hello = 0; #problem = "";

  // kind: "server" (a live session) or "frames"; job: {parameters, seed, playing, speed, view}
  constructor(kind, url, job) {
    this.kind = kind;
    this.#url = url;
    this.#job = job;
    this.#playing = job.playing;
    this.#speed = job.speed;
    this.#view = { ...job.view };
    this.can = new Set(kind === "server"
      ? ["play", "step", "restart", "speed", "view", "shot", "record"] : ["play", "shot", "record"]);
  }

  // Resolves with the first frame.
  open() {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      this.#wait();
      this.#connect();
    });
  }

  // The server has said that there will be no more frames.
  get ended() {
    return this.#ended;
  }

  #wait() {
    clearTimeout(this.#hello);
    this.#hello = setTimeout(() => this.#fail(`${OPEN_MS} ms`), OPEN_MS);
  }

  play() {
    this.#playing = true;
    if (!this.#revive()) this.#send({ kind: "resume" });
  }

  pause() {
    this.#playing = false;
    this.#send({ kind: "pause" });
  }

  // Nobody looks (or somebody does again): the server need not draw.
  hold(held) {
    if (held === this.#held) return;
    this.#held = held;
    if (!held && this.#playing && this.#revive()) return;
    if (this.#playing) this.#tell({ kind: held ? "pause" : "resume" });
  }

  step() {
    if (!this.#revive()) this.#send({ kind: "step" });
  }

  restart(seed) {
    if (seed !== undefined) this.#job.seed = seed;
    if (!this.#revive()) this.#send(seed === undefined ? { kind: "restart" } : { kind: "restart", seed: String(seed) });
  }

  speed(value) {
    this.#speed = value;
    this.#send({ kind: "speed", value });
  }

  set(name, value) {
    this.#job.parameters = { ...this.#job.parameters, [name]: value };
    this.#send({ kind: "set", name, value });
  }

  view(view) {
    Object.assign(this.#view, view);
    Object.assign(this.#viewed, view);
    this.#viewTimer ||= setTimeout(() => {
      this.#viewTimer = 0;
      this.#send({ kind: "view", ...this.#viewed });
      this.#viewed = {};
    }, VIEW_MS);
  }

  destroy() {
    this.#gone = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#viewTimer);
    clearTimeout(this.#hello);
    this.#socket?.close(1000);
    this.#socket = null;
    this.#opened?.reject(new Error("closed"));
    this.#opened = null;
    this.element.width = this.element.height = 0;
  }

  // A session that the server ended begins anew when somebody wants to go on.
  #revive() {
    if (!this.#ended || this.kind !== "server") return false;
    this.#ended = false;
    this.#socket?.close(1000);
    this.#connect();
    return true;
  }

  #connect() {
    if (this.#gone) return;
    let socket;
    try {
      const address = new URL(this.#url, document.baseURI);
      address.protocol = address.protocol.replace("http", "ws");
      socket = new WebSocket(address);
    } catch (error) {
      return this.#fail(error.message);
    }
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      if (this.kind !== "server") return;
      const { parameters, seed } = this.#job;
      this.#tell({ kind: "play", parameters, seed: String(seed) });
      if (Object.keys(this.#view).length) this.#tell({ kind: "view", ...this.#view });
      if (this.#speed !== 1) this.#tell({ kind: "speed", value: this.#speed });
      if (!this.#playing || this.#held) this.#tell({ kind: "pause" });
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#hear(data);
      else this.#decoding = this.#decoding.then(() => this.#paint(socket, data));
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (this.#gone || this.#ended) return;
      if (this.#opened) return this.#fail("closed");
      this.#again();
    };
  }

  #again() {
    if (this.#tries >= TRIES) return this.#fail("closed");
    if (!this.#tries) this.onstate("away");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #fail(why) {
    if (this.#gone) return;
    clearTimeout(this.#hello);
    const opened = this.#opened;
    this.#opened = null;
    if (opened) opened.reject(new Error(why));
    else this.onlost(why);
  }

  #hear(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return this.#fail("not JSON"); // no server of ours
    }
    if (this.#opened && this.patient) this.#wait();
    switch (message.kind) {
      case "ready":
        this.#problem = "";
        this.framesPerSecond = message.frames_per_second || 30;
        this.device = message.device ?? "";
        break;
      case "probe":
        this.onprobe(message.name, message.frame, message.value);
        break;
      case "error":
        // Before there is a picture nothing can be shown; later the picture goes on.
        if (this.#opened) this.#fail(message.message);
        else this.onstate("error", (this.#problem = String(message.message)));
        break;
      case "end":
        this.#ended = true;
        this.#decoding = this.#decoding.then(() => { // a last frame may have come just before
          if (this.#opened) this.#fail(this.#problem || "end");
          else this.onstate("end", this.#problem);
        });
    }
  }

  async #paint(socket, data) {
    const head = new DataView(data);
    if (data.byteLength <= HEADER) return this.#fail("short frame");
    const index = head.getUint32(0, true);
    const type = FORMATS[head.getUint8(12)];
    if (!type) return this.#fail(`format ${head.getUint8(12)}`);
    try {
      const picture = await createImageBitmap(new Blob([data.slice(HEADER)], { type }));
      if (!this.#gone && !(this.kind === "frames" && !this.#playing && this.index >= 0)) {
        this.width = picture.width;
        this.height = picture.height;
        if (this.element.width !== picture.width) this.element.width = picture.width;
        if (this.element.height !== picture.height) this.element.height = picture.height;
        this.element.getContext("2d").drawImage(picture, 0, 0);
        if (index < this.index) this.onrestart();
        this.index = index;
      }
      picture.close();
    } catch (error) {
      return this.#fail(error.message);
    }
    if (socket === this.#socket) this.#tell({ kind: "taken", index });
    if (this.#gone) return;
    if (this.#tries) this.onstate("back");
    this.#tries = 0;
    if (this.#opened) {
      clearTimeout(this.#hello);
      this.#opened.resolve();
      this.#opened = null;
    }
    this.onframe(index);
  }

  // Only a session listens; a running run goes its way.
  #send(message) {
    if (this.kind === "server") this.#tell(message);
  }

  #tell(message) {
    if (this.kind !== "server" && message.kind !== "taken") return;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
