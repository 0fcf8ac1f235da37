// The microphone as 16 kHz mono WAV. Nothing is kept: what was recorded lives in this page until it
// is sent or dropped.
export const RATE = 16000;

// Opens the microphone. `onLevel` hears the loudness of each block, 0 to 1; `onEnd` that the
// microphone went away by itself. Rejects with a DOMException as getUserMedia does.
export async function openMicrophone({ onLevel, onEnd }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const context = new AudioContext();
  const blocks = [];
  let flushed = () => {};
  try {
    await context.audioWorklet.addModule("/static/voice_recorder.js");
    await context.resume();
  } catch (error) {
    close();
    throw error;
  }
  const recorder = new AudioWorkletNode(context, "intentos-recorder", { channelCount: 1, channelCountMode: "explicit" });
  recorder.port.onmessage = ({ data }) => {
    if (data === null) { flushed(); return; }
    blocks.push(data);
    onLevel(loudness(data));
  };
  context.createMediaStreamSource(stream).connect(recorder);
  recorder.connect(context.destination); // writes nothing there, but is kept going by it
  stream.getAudioTracks()[0].onended = onEnd;

  function close() {
    for (const track of stream.getTracks()) { track.onended = null; track.stop(); }
    if (context.state !== "closed") context.close();
  }

  return {
    drop: close,
    // Closes the microphone and resolves to the bytes of a WAV file.
    async finish() {
      const last = new Promise((resolve) => { flushed = resolve; setTimeout(resolve, 500); });
      recorder.port.postMessage("flush");
      await last;
      const rate = context.sampleRate;
      close();
      return wav(await resampled(joined(blocks), rate));
    },
  };
}

function loudness(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
  return Math.min(1, Math.max(0, (decibels + 58) / 52)); // a whisper to a loud voice
}

function joined(blocks) {
  const all = new Float32Array(blocks.reduce((count, block) => count + block.length, 0));
  let at = 0;
  for (const block of blocks) { all.set(block, at); at += block.length; }
  return all;
}

// The browser's own resampler: it keeps what lies above 8 kHz from folding down into the speech.
async function resampled(samples, rate) {
  if (rate === RATE || !samples.length) return samples;
  const length = Math.max(1, Math.round(samples.length * RATE / rate));
  const context = new OfflineAudioContext(1, length, RATE);
  const buffer = context.createBuffer(1, samples.length, rate);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

function wav(samples) {
  const bytes = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const tag = (at, text) => bytes.set([...text].map((c) => c.charCodeAt(0)), at);
  tag(0, "RIFF"); view.setUint32(4, bytes.length - 8, true); tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  tag(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => {
    view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
  });
  return bytes;
}
