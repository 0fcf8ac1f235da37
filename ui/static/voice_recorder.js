// Runs in the audio thread: hands over what the microphone gives, a block at a time.
const BLOCK = 2048;

registerProcessor("intentos-recorder", class extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;
  #done = false;

  constructor() {
    super();
    this.port.onmessage = () => { this.#send(); this.port.postMessage(null); this.#done = true; };
  }

  process([input]) {
    const channel = input[0];
    for (let i = 0; channel && i < channel.length; i++) {
      this.#block[this.#filled++] = channel[i];
      if (this.#filled === BLOCK) this.#send();
    }
    return !this.#done;
  }

  #send() {
    const samples = this.#block.slice(0, this.#filled);
    this.#filled = 0;
    if (samples.length) this.port.postMessage(samples, [samples.buffer]);
  }
});
