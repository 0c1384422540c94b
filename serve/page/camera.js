/* The camera: record a clip, or watch live where the server can. */

import { $, make } from "./elements.js";
import { Live } from "./live.js";
import { Moment } from "./moment.js";
import { Record, MAIN } from "./record.js";
import { clock } from "./times.js";
import { Timeline } from "./timeline.js";

const KINDS = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"], SHOWN = 60;
/* SHOWN: seconds of a live timeline. */

export class Camera {
  /** `onclip(file, name)` gets what was recorded. */
  constructor(onclip) {
    this.onclip = onclip;
    this.models = null;
    $("camera-open").addEventListener("click", () => this.open());
    $("camera-close").addEventListener("click", () => this.close());
    $("record").addEventListener("click", () => (this.recorder ? this.recorder.stop() : this.#record()));
    $("live").addEventListener("click", () => (this.session ? this.session.end() : this.#live()));
    this.room = $("live-room");
  }

  /** What the server said of itself: whether it can watch live, and the labels. */
  know(models) {
    this.models = models;
    $("live").hidden = !models.live;
  }

  async open() {
    const hint = $("camera-hint");
    if (!navigator.mediaDevices?.getUserMedia)
      return void (hint.textContent = "A browser gives the camera only to pages over https, or of this machine; choose a file instead.");
    const asked = { video: { width: { ideal: 1280 }, frameRate: { ideal: 25 } }, audio: true };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(asked).catch((error) => {
        if (error.name !== "NotFoundError") throw error;
        return navigator.mediaDevices.getUserMedia({ video: asked.video }); // no microphone: it is seen, not heard
      });
    } catch (error) {
      const why = { NotAllowedError: "The browser does not allow this page to use the camera; allow it, then try again.",
        NotFoundError: "No camera was found; connect one, or choose a file." };
      return void (hint.textContent = why[error.name] ?? "The camera cannot be used; another program may hold it.");
    }
    $("camera-view").srcObject = this.stream;
    $("camera-view").play().catch(() => {});
    $("camera-room").hidden = false;
    $("camera-open").parentElement.hidden = true;
    $("record").focus();
  }

  close() {
    this.session?.end();
    if (this.recorder) {
      this.recorder.onstop = null;
      this.#recorded();
    }
    this.stream?.getTracks().forEach((track) => track.stop());
    $("camera-view").srcObject = null;
    $("camera-room").hidden = this.room.hidden = true;
    $("camera-open").parentElement.hidden = false;
    this.#say("");
  }

  #say = (words) => void ($("camera-state").textContent = words);

  #record() {
    const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one)), pieces = [], began = performance.now();
    this.recorder = new MediaRecorder(this.stream, kind ? { mimeType: kind } : {});
    this.recorder.ondataavailable = (event) => event.data.size && pieces.push(event.data);
    this.recorder.onstop = () => {
      const type = this.recorder.mimeType.split(";")[0], ending = type.includes("mp4") ? "mp4" : "webm";
      this.#recorded();
      this.close();
      this.onclip(new Blob(pieces, { type }), `camera ${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`);
    };
    this.recorder.start(1000);
    $("record").textContent = "Stop, and look at it";
    $("live").disabled = true;
    this.#say("Recording");
    this.ticking = setInterval(() => ($("record").title = clock((performance.now() - began) / 1000, 0)), 1000);
  }

  #recorded() {
    clearInterval(this.ticking);
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.recorder = null;
    $("record").textContent = "Record";
    $("record").title = "";
    $("live").disabled = false;
    this.#say("");
  }

  #live() {
    const moment = make("section", { class: "moment", "aria-label": "Now" }), line = make("div");
    this.room.replaceChildren(moment, line);
    this.room.hidden = false;
    const show = { moment: new Moment(moment), timeline: new Timeline(line), segments: [], words: null, captions: null };
    $("record").disabled = true;
    $("live").textContent = "Stop watching";
    this.#say("Connecting");
    this.session = new Live($("camera-view"), this.stream, {
      ready: (latency) => this.#say(`Live, about ${latency.toFixed(1)} s behind`),
      stretch: (message, skipped) => this.#stretch(show, message, skipped),
      over: (sentence) => this.#over(sentence),
    });
  }

  /** Show the last minute. */
  #stretch(show, { end, found, latency, dropped }, skipped) {
    const from = end - SHOWN, recent = (kept, came) => [...(kept ?? []), ...came].filter((one) => one.end > from);
    if (found) {
      show.segments = recent(show.segments, found.segments ?? []);
      for (const kind of ["words", "captions"]) if (found[kind]) show[kind] = recent(show[kind], found[kind]);
    }
    const left = dropped + skipped;
    this.#say(`Live, ${latency.toFixed(1)} s behind${left ? `, ${left} ${left === 1 ? "frame" : "frames"} left out` : ""}`);
    const last = Math.max(0, ...show.segments.map((segment) => segment.end));
    if (!show.segments.length) return;
    const record = new Record({ clip: { start: 0, end }, labels: this.#labels(), members: this.#members(), words: show.words,
      captions: show.captions, looked: { times: [] }, tracks: [], segments: show.segments });
    const rows = record.rows(MAIN);
    show.timeline.show(record, rows, { from: Math.max(0, from), to: Math.max(end, 5) });
    show.timeline.move(last - 0.001);
    show.moment.show(record, rows);
    show.moment.move(last - 0.001);
  }

  #labels() {
    return this.models.labels;
  }

  #members = () => this.models.members.map((member) => member.name);

  #over(sentence) {
    this.session = null;
    $("record").disabled = false;
    $("live").textContent = "Watch live";
    this.#say(sentence ?? "Live is over");
  }
}
