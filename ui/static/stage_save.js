// A stage's picture or film as a file of the viewer's.

// What a browser may be able to record, best first.
const TYPES = [
  "video/mp4;codecs=avc1.640028", "video/mp4", "video/webm;codecs=vp9", "video/webm;codecs=vp8",
  "video/webm",
];
const LONGEST_MS = 10 * 60_000;
const BITS = 12_000_000; // a second

// The shown picture at its own size.
async function pictureOf(source) {
  const { width, height } = source;
  const element = await source.still?.() ?? source.element;
  let canvas = element;
  if (!(element instanceof HTMLCanvasElement)) {
    canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").drawImage(element, 0, 0, width, height);
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) =>
    blob ? resolve(blob) : reject(new Error("no picture")), "image/png"));
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 120);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const canRecord = () => typeof MediaRecorder === "function" &&
  typeof HTMLCanvasElement.prototype.captureStream === "function" &&
  TYPES.some((type) => MediaRecorder.isTypeSupported(type));

// What a stage saves. tell(word) says how it went, seconds(n or null) how long it records.
export class Saver {
  #tell; #seconds; #recording = null; #timer = 0;

  constructor({ tell, seconds }) {
    this.#tell = tell;
    this.#seconds = seconds;
  }

  async picture(source, name) {
    if (!source?.can.has("shot")) return;
    try {
      save(await pictureOf(source), `${name}-${Math.max(0, source.index)}.png`);
      this.#tell("saved_picture");
    } catch {
      this.#tell("not_saved");
    }
  }

  // Starts a recording, or ends it and saves it; whether one has started.
  record(source, name) {
    if (this.#recording) {
      this.stop();
      return false;
    }
    if (!source?.can.has("record")) return false;
    try {
      source.finely?.(true);
      this.#recording = new Recording(source.element, (blob, ending, error) => {
        this.#recording = null;
        source.finely?.(false);
        clearInterval(this.#timer);
        this.#seconds(null);
        if (blob) save(blob, `${name}.${ending}`);
        this.#tell(blob && !error ? "saved_film" : "not_saved");
      });
    } catch {
      source.finely?.(false);
      this.#tell("no_recorder");
      return false;
    }
    this.#seconds(0);
    this.#timer = setInterval(() => this.#seconds(this.#recording?.seconds ?? null), 500);
    return true;
  }

  stop() {
    this.#recording?.stop();
  }
}

class Recording {
  #recorder; #chunks = []; #done; #timer; #began = performance.now();

  // onend(blob or null, its file's ending, error or null) is called once
  constructor(canvas, onend) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const stream = canvas.captureStream();
    const end = (error) => {
      if (!this.#done) return;
      this.#done = null;
      clearTimeout(this.#timer);
      stream.getTracks().forEach((track) => track.stop());
      const type = this.#recorder.mimeType.split(";")[0] || "video/webm";
      const blob = new Blob(this.#chunks, { type });
      onend(blob.size ? blob : null, type.includes("mp4") ? "mp4" : "webm", error);
    };
    this.#done = end;
    this.#recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS });
    this.#recorder.ondataavailable = ({ data }) => data.size && this.#chunks.push(data);
    this.#recorder.onstop = () => end(null);
    this.#recorder.onerror = ({ error }) => end(error ?? new Error("recorder"));
    this.#recorder.start(1000);
    this.#timer = setTimeout(() => this.stop(), LONGEST_MS);
  }

  get seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  stop() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
  }
}
