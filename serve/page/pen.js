/* A canvas with a time axis, and the few shapes that lanes are made of. */

export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class Pen {
  /** Cover a canvas of `height` with as many pixels as the screen has; `view` is {from, to} in seconds. */
  constructor(canvas, height, view, theme) {
    this.width = canvas.clientWidth;
    this.ratio = window.devicePixelRatio || 1;
    this.view = view;
    this.theme = theme;
    canvas.width = Math.max(1, Math.round(this.width * this.ratio));
    canvas.height = Math.round(height * this.ratio);
    this.context = canvas.getContext("2d");
    this.context.scale(this.ratio, this.ratio);
    this.context.font = FONT;
    this.context.textBaseline = "middle";
    this.hatching = this.#pattern();
  }

  x(time) {
    const share = (time - this.view.from) / (this.view.to - this.view.from);
    return Math.round(share * this.width * this.ratio) / this.ratio;
  }

  box(start, end, top, height, fill) {
    const left = this.x(start);
    this.context.fillStyle = fill;
    this.context.fillRect(left, top, Math.max(1 / this.ratio, this.x(end) - left), height);
  }

  /** Nobody says anything here. */
  hatch(top, height) {
    this.context.fillStyle = this.hatching;
    this.context.fillRect(0, top, this.width, height);
  }

  line(y) {
    this.context.fillStyle = this.theme.line;
    this.context.fillRect(0, Math.round(y * this.ratio) / this.ratio, this.width, 1);
  }

  /** Write a text that fits between two times, cut where it must be; false where nothing of it would. */
  text(words, start, end, y, fill, { cut = true, slanted = false, room = 4 } = {}) {
    this.context.font = slanted ? `italic ${FONT}` : FONT;
    const left = Math.max(0, this.x(start)), space = Math.min(this.width, this.x(end)) - left - 2 * room;
    let shown = words;
    while (this.context.measureText(shown).width > space) {
      if (!cut || shown.length < 4) return false;
      shown = shown.slice(0, -2).trimEnd().replace(/…$/, "").slice(0, -1) + "…";
    }
    this.context.fillStyle = fill;
    this.context.fillText(shown, left + room, y);
    return true;
  }

  #pattern() {
    const tile = document.createElement("canvas"), size = 6 * this.ratio;
    tile.width = tile.height = size;
    const context = tile.getContext("2d");
    context.strokeStyle = this.theme.hatch;
    context.lineWidth = this.ratio;
    for (const shift of [-size, 0, size]) {
      context.beginPath();
      context.moveTo(shift, size);
      context.lineTo(shift + size, 0);
      context.stroke();
    }
    const pattern = this.context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / this.ratio));
    return pattern;
  }
}
