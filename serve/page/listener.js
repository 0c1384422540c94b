/* An AudioWorklet: sound as it comes, mixed to one channel and resampled to 16 kHz in 16 bits, in blocks of 0.1 s. */

const RATE = 16000, BLOCK = 1600, ZEROS = 16, PHASES = 256;

class Listener extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE; // samples that came for one that goes
    this.reach = Math.ceil(ZEROS * Math.max(1, this.step));
    this.kernel = kernel(Math.min(1, RATE / sampleRate), this.reach);
    this.held = new Float32Array(2 * this.reach); // silence before the beginning
    this.at = this.reach;
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
  }

  process([channels]) {
    if (!channels.length) return true;
    const count = channels[0].length, came = new Float32Array(this.held.length + count);
    came.set(this.held);
    for (const channel of channels) for (let i = 0; i < count; i += 1) came[this.held.length + i] += channel[i] / channels.length;
    for (; this.at + this.reach < came.length; this.at += this.step) this.#put(this.#sample(came, this.at));
    const used = Math.max(0, Math.floor(this.at) - this.reach);
    this.held = came.slice(used);
    this.at -= used;
    return true;
  }

  /** The sound at a place between samples, by a windowed sinc below both Nyquist limits. */
  #sample(came, place) {
    const whole = Math.floor(place), taps = this.kernel[Math.round((place - whole) * PHASES)];
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) sum += taps[i] * came[whole - this.reach + 1 + i];
    return sum;
  }

  #put(value) {
    this.block[this.filled++] = Math.round(Math.max(-1, Math.min(1, value)) * 32767);
    if (this.filled < BLOCK) return;
    this.port.postMessage(this.block);
    this.block = new Int16Array(BLOCK);
    this.filled = 0;
  }
}

function kernel(cutoff, reach) {
  return Array.from({ length: PHASES + 1 }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * reach }, (_, i) => {
      const away = i - reach + 1 - phase / PHASES, x = Math.PI * away * cutoff;
      const window = Math.abs(away) < reach ? 0.5 + 0.5 * Math.cos((Math.PI * away) / reach) : 0;
      return (x === 0 ? 1 : Math.sin(x) / x) * cutoff * window;
    });
    const sum = taps.reduce((total, tap) => total + tap, 0);
    return taps.map((tap) => tap / sum);
  });
}

registerProcessor("listener", Listener);
