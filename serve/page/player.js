/* The clip itself, with the faces drawn on it. Where a browser cannot play it, the playhead moves without it. */

import { make, style } from "./elements.js";
import { colour, ink } from "./palette.js";

export class Player {
  /** `parts`: video, frame, faces, note (why there is no picture), draw (the box to tick). */
  constructor(parts, onmove) {
    Object.assign(this, parts, { onmove, record: null, alone: 0, playable: false });
    for (const event of ["timeupdate", "seeked", "pause", "ended"]) this.video.addEventListener(event, () => this.#moved());
    this.video.addEventListener("play", () => this.#run());
    this.video.addEventListener("loadedmetadata", () => this.#ready());
    this.video.addEventListener("error", () => this.video.src && this.#without("This browser cannot play the clip; its timeline works all the same."));
    this.draw.addEventListener("change", () => this.#moved());
  }

  open(file) {
    this.close();
    this.address = URL.createObjectURL(file);
    if (file.type.startsWith("image/")) {
      this.frame.prepend((this.still = make("img", { src: this.address, alt: "" })));
      this.still.addEventListener("load", () => this.#size(this.still.naturalWidth, this.still.naturalHeight));
      this.video.hidden = true;
    } else this.video.src = this.address;
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    this.still?.remove();
    if (this.address) URL.revokeObjectURL(this.address);
    Object.assign(this, { record: null, still: null, address: null, alone: 0, playable: false });
    this.video.hidden = this.frame.hidden = false;
    this.note.hidden = true;
    this.faces.replaceChildren();
  }

  show(record, rows) {
    Object.assign(this, { record, rows });
    this.#moved();
  }

  get time() {
    return this.playable ? this.video.currentTime : this.alone;
  }

  seek(time) {
    this.alone = time;
    if (this.playable) this.video.currentTime = Math.min(time, this.video.duration || time);
    this.#moved();
  }

  toggle() {
    if (!this.playable) return;
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  #ready() {
    if (this.video.duration === Infinity) {
      // A recording does not say how long it is, until one has been at its end.
      this.video.addEventListener("durationchange", () => (this.video.currentTime = 0), { once: true });
      this.video.currentTime = Number.MAX_SAFE_INTEGER;
    }
    this.playable = true;
    if (this.video.videoWidth) this.#size(this.video.videoWidth, this.video.videoHeight);
    else this.#note("This clip has sound only, or a picture that this browser cannot show.");
    this.#moved();
  }

  #size(width, height) {
    style(this.frame, { "--shape": width / height });
    this.#moved();
  }

  #without(why) {
    this.playable = false;
    this.frame.hidden = true;
    this.#note(why);
  }

  #note(words) {
    this.note.textContent = words;
    this.note.hidden = false;
  }

  #run() {
    this.#moved();
    if (!this.video.paused) requestAnimationFrame(() => this.#run());
  }

  #moved() {
    if (!this.record) return;
    this.#outline(this.time);
    this.onmove(this.time, !this.video.paused);
  }

  /** Draw a box for each face that was seen, with what it shows in words. */
  #outline(time) {
    const found = this.draw.checked ? this.record.faces.at(time) : [];
    while (this.faces.children.length < found.length) this.faces.append(make("div", { class: "face" }, make("span")));
    [...this.faces.children].forEach((box, at) => {
      box.hidden = at >= found.length;
      if (!box.hidden) this.#box(box, found[at], time);
    });
  }

  #box(element, { id, box: [left, top, right, bottom], sure }, time) {
    const row = this.record.at(this.rows.get(id), time), share = (value) => `${Math.min(1, Math.max(0, value)) * 100}%`;
    const name = row?.track === id ? row.name : null, fill = name ? colour(this.record.labels.compound.indexOf(name)) : "#ffffff";
    style(element, { left: share(left), top: share(top), width: share(Math.min(1, right) - Math.max(0, left)),
      height: share(Math.min(1, bottom) - Math.max(0, top)), "--class": fill, "--ink": ink(fill) });
    element.classList.toggle("followed", !sure);
    element.classList.toggle("below", top < 0.1);
    const words = (this.record.tracks.length > 1 ? `${this.record.face(id)}: ` : "") + (name ?? "not judged");
    if (element.firstChild.textContent !== words) element.firstChild.textContent = words;
  }
}
