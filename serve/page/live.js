/* A camera as it is, over a WebSocket: frames and sound go out, what they show comes back.

   {"type":"begin","key":…,"audio_rate":16000}, then messages of one byte (1: a JPEG frame, 2: sound, 16 bits), eight bytes of
   microseconds since the beginning, and what was seen or heard; {"type":"end"} ends. */

import { address, key } from "./server.js";

const FRAME = 1, SOUND = 2, RATE = 16000, EVERY = 200, WIDTH = 640, LAGGING = 1_000_000, GAP = 1_000_000;
/* Milliseconds between frames; the width they are sent in; bytes that may wait before frames are left out; microseconds. */

export class Live {
  /** `on`: ready(latency), stretch(message), over(sentence or null). */
  constructor(video, stream, on) {
    Object.assign(this, { video, stream, on, skipped: 0, drawing: false, heard: null, closed: false });
    const target = address("v1/live");
    target.protocol = target.protocol.replace("http", "ws");
    this.socket = new WebSocket(target);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.socket.send(JSON.stringify({ type: "begin", key: key.get() || null, audio_rate: RATE }));
    this.socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    this.socket.onclose = () => this.#over("The live connection was closed by the server.");
  }

  #hear(message) {
    if (this.closed) return; // a socket that closes still brings what was on its way
    if (message.type === "ready") {
      this.#begin().catch(() => this.#over("The sound could not be read from the microphone."));
      this.on.ready(message.latency);
    } else if (message.type === "stretch") this.on.stretch(message, this.skipped);
    else if (message.type === "problem") this.#over(message.detail);
    else if (message.type === "end") this.#over(null);
  }

  async #begin() {
    this.began = performance.now();
    this.canvas = document.createElement("canvas");
    this.frames = setInterval(() => this.#frame(), EVERY);
    if (!this.stream.getAudioTracks().length) return;
    this.sound = new AudioContext();
    await this.sound.audioWorklet.addModule(new URL("listener.js", import.meta.url));
    const source = this.sound.createMediaStreamSource(this.stream);
    this.listener = new AudioWorkletNode(this.sound, "listener", { numberOfOutputs: 0 });
    this.listener.port.onmessage = ({ data }) => this.#listen(data);
    source.connect(this.listener);
  }

  get now() {
    return Math.round((performance.now() - this.began) * 1000);
  }

  #frame() {
    const { videoWidth, videoHeight } = this.video;
    if (!videoWidth || this.socket.readyState !== WebSocket.OPEN) return;
    if (this.drawing || this.socket.bufferedAmount > LAGGING) return void (this.skipped += 1);
    const time = this.now, scale = Math.min(1, WIDTH / videoWidth);
    this.canvas.width = Math.round(videoWidth * scale);
    this.canvas.height = Math.round(videoHeight * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    this.drawing = true; // one at a time: a browser may finish a later JPEG before an earlier one, and frames go out in order
    this.canvas.toBlob(async (blob) => {
      if (blob) this.#send(FRAME, time, await blob.arrayBuffer());
      this.drawing = false;
    }, "image/jpeg", 0.85);
  }

  /** Sound is counted, not timed: a block begins where the last one ended, unless some was lost (a tab that slept). */
  #listen(samples) {
    const length = (samples.length / RATE) * 1e6, due = Math.max(0, this.now - length);
    if (this.heard === null || due - this.heard > GAP) this.heard = due;
    this.#send(SOUND, Math.round(this.heard), samples.buffer);
    this.heard += length;
  }

  #send(kind, time, payload) {
    if (this.socket.readyState !== WebSocket.OPEN || this.ending) return;
    const message = new Uint8Array(9 + payload.byteLength), view = new DataView(message.buffer);
    view.setUint8(0, kind);
    view.setBigUint64(1, BigInt(time));
    message.set(new Uint8Array(payload), 9);
    this.socket.send(message);
  }

  /** End it; what is on its way still comes. */
  end() {
    this.#silence();
    if (this.socket.readyState !== WebSocket.OPEN) return this.#over(null);
    this.socket.send(JSON.stringify({ type: "end" }));
    this.ending = setTimeout(() => this.#over(null), 15000);
  }

  #silence() {
    clearInterval(this.frames);
    this.sound?.close().catch(() => {});
    this.sound = null;
  }

  #over(sentence) {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.ending);
    this.#silence();
    this.socket.close();
    this.on.over(this.ending ? null : sentence);
  }
}
