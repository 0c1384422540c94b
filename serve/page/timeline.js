/* The timeline: a slider with the label on it, and lanes below that share its time and its playhead. */

import { columns } from "./columns.js";
import { make, style } from "./elements.js";
import { SEEN, TOP, lanes, top } from "./lanes.js";
import { theme } from "./palette.js";
import { Pen } from "./pen.js";
import { clock, percent } from "./times.js";

const SMALL = 0.2, LARGE = 1, SHORTEST = 2, AXIS = 22;
/* Seconds of a step, of one with Shift, and of the least that is shown. */

export class Timeline {
  /** `seek(time)` and `toggle()` are called; without them it only shows, as a live one does. */
  constructor(root, { seek = null, toggle = null } = {}) {
    Object.assign(this, { root, seek, toggle, time: 0 });
    new ResizeObserver(() => this.draw()).observe(root);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show a record's rows; the view is kept where the clip is the same. */
  show(record, rows, view = null) {
    const fresh = this.record?.labels !== record.labels;
    Object.assign(this, { record, rows });
    this.view = view ?? (fresh || !this.view ? { from: record.start, to: record.end } : this.view);
    if (fresh) this.#build();
    for (const lane of this.lanes) if (lane.scale) lane.words.textContent = lane.scale(rows);
    this.draw();
    this.move(this.time);
  }

  #build() {
    this.canvases = [];
    this.readings = [];
    this.playhead = make("div", { class: "playhead", "aria-hidden": true });
    this.slider = make("div", this.seek ? { class: "strip slider", role: "slider", tabindex: 0, "aria-label": "Playhead",
      "aria-describedby": "timeline-keys", "aria-valuemin": 0 } : { class: "strip" });
    const head = this.#strip(this.slider, [{ name: "Time", height: AXIS }, ...TOP], (pen, shown) => this.#head(pen, shown));
    this.lanes = lanes(this.record);
    const rooms = this.lanes.map((lane) => {
      const strip = make("div", { class: "strip" });
      const room = make("details", { class: "lane", open: !lane.closed, ontoggle: () => this.draw() },
        make("summary", {}, make("h4", {}, lane.title), (lane.words = make("span", { class: "hint" }, lane.note ?? ""))),
        this.#strip(strip, lane.rows, (pen, shown) => lane.draw(pen, shown), lane));
      if (this.seek) this.#pointer(strip);
      return room;
    });
    this.root.replaceChildren(...(this.seek ? [this.#tools()] : []), make("div", { class: "tracks" }, head, ...rooms, this.playhead));
    if (!this.seek) return;
    this.#pointer(this.slider);
    this.slider.addEventListener("keydown", (event) => this.#key(event));
  }

  /** A canvas between the names of its rows and what they read at the playhead. */
  #strip(strip, rows, draw, lane = null) {
    const item = (row, words) => style(make("li", {}, words), { "--row": `${row.height}px` });
    const names = rows.map((row) => {
      const swatch = row.colour ? style(make("i", { class: "swatch" }), { "--class": row.colour }) : "";
      const name = make("span", { title: row.name }, row.name);
      const made = item(row, swatch);
      made.append(name);
      return made;
    });
    const values = rows.map((row) => item(row, ""));
    const canvas = make("canvas", { "aria-hidden": true });
    const height = rows.reduce((sum, row) => sum + row.height, 0);
    style(canvas, { height: `${height}px` });
    strip.append(canvas);
    this.canvases.push({ canvas, height, draw });
    if (lane) this.readings.push({ lane, values });
    return make("div", { class: "rows" }, make("ul", { class: "names" }, ...names), strip, make("ul", { class: "values", "aria-hidden": true }, ...values));
  }

  #tools() {
    const zoom = (share) => () => this.zoom(share);
    this.span = make("span", { class: "hint" });
    return make("div", { class: "tools" },
      make("p", { class: "hint", id: "timeline-keys" }, "Click, or use the arrow keys, to move; space plays and stops; + and − zoom."),
      make("p", { class: "row" }, this.span,
        make("button", { type: "button", "aria-label": "Zoom out", onclick: zoom(2) }, "−"),
        make("button", { type: "button", "aria-label": "Zoom in", onclick: zoom(0.5) }, "+"),
        make("button", { type: "button", onclick: zoom(Infinity) }, "Whole clip")));
  }

  draw() {
    if (!this.rows) return;
    const shown = columns(this.rows, this.view.from, this.view.to), colours = theme();
    for (const { canvas, height, draw } of this.canvases)
      if (canvas.clientWidth) draw(new Pen(canvas, height, this.view, colours), shown);
    if (this.span) this.span.textContent = `${clock(this.view.from)} to ${clock(this.view.to)}`;
  }

  #head(pen, shown) {
    const span = this.view.to - this.view.from, most = Math.max(2, pen.width / 70);
    const step = [0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((one) => span / one <= most) ?? 7200;
    for (let at = Math.ceil(this.view.from / step); at * step <= this.view.to; at += 1) {
      pen.box(at * step, at * step, AXIS - 6, 6, pen.theme.faint);
      pen.text(clock(at * step, step < 1 ? 1 : 0), at * step, Infinity, AXIS / 2 - 1, pen.theme.faint, { cut: false });
    }
    pen.context.translate(0, AXIS);
    top(pen, shown, this.record);
  }

  /** Put the playhead somewhere, and say in words what is there. */
  move(time) {
    this.time = time;
    if (!this.rows) return;
    const { from, to } = this.view, row = this.record.at(this.rows, time);
    style(this.playhead, { "--at": (time - from) / (to - from) });
    this.playhead.hidden = time < from - 1e-6 || time > to + 1e-6;
    for (const { lane, values } of this.readings) {
      const read = row ? lane.read(row) : values.map(() => "–");
      values.forEach((item, at) => item.textContent !== read[at] && (item.textContent = read[at]));
    }
    if (!this.seek) return;
    this.slider.setAttribute("aria-valuemax", this.record.end.toFixed(1));
    this.slider.setAttribute("aria-valuenow", time.toFixed(1));
    this.slider.setAttribute("aria-valuetext", `${clock(time)}, ${this.#words(row)}`);
  }

  #words(row) {
    if (!row) return "not judged";
    const share = row.scores.compound[row.top];
    return `${row.name === null ? "no label" : `${row.name} ${percent(share)}`}, ${SEEN[row.seen]}`;
  }

  /** Turn the page when the playhead runs out of sight. */
  follow(time) {
    const { from, to } = this.view;
    if (time >= from && time <= to) return;
    const length = to - from, start = Math.min(Math.max(this.record.start, time - length * 0.05), this.record.end - length);
    this.view = { from: start, to: start + length };
    this.draw();
  }

  zoom(share) {
    const { start, end } = this.record, length = Math.min(end - start, Math.max(SHORTEST, (this.view.to - this.view.from) * share));
    const from = Math.min(Math.max(start, this.time - length / 2), end - length);
    this.view = { from, to: from + length };
    this.draw();
    this.move(this.time);
  }

  #pointer(strip) {
    const go = (event) => {
      const { left, width } = strip.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      this.seek(this.view.from + share * (this.view.to - this.view.from));
    };
    strip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      strip.setPointerCapture(event.pointerId);
      go(event);
    });
    strip.addEventListener("pointermove", (event) => strip.hasPointerCapture(event.pointerId) && go(event));
  }

  #key(event) {
    const { start, end } = this.record, step = event.shiftKey ? LARGE : SMALL, page = (this.view.to - this.view.from) / 10;
    const to = { ArrowRight: this.time + step, ArrowUp: this.time + step, ArrowLeft: this.time - step,
      ArrowDown: this.time - step, PageUp: this.time + page, PageDown: this.time - page, Home: start, End: end };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in to) this.seek(Math.min(end, Math.max(start, to[event.key])));
    else if (event.key === " " || event.key === "Enter") this.toggle();
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else return;
    event.preventDefault();
  }
}
