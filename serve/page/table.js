/* The timeline as a table, some rows at a time; for screen readers, and for whoever likes numbers. */

import { make } from "./elements.js";
import { SEEN } from "./lanes.js";
import { winner } from "./record.js";
import { clock, percent, signed } from "./times.js";

const PAGE = 50;
const HEADS = ["From", "To", "Whom", "Compound", "Share", "Basic", "Valence", "Arousal", "Words", "Members"];

export class Table {
  constructor(room, root, seek) {
    Object.assign(this, { room, root, seek, first: 0 });
    room.addEventListener("toggle", () => room.open && this.#draw());
  }

  show(record, rows) {
    Object.assign(this, { record, rows, first: 0 });
    if (this.room.open) this.#draw();
    else this.root.replaceChildren();
  }

  #draw() {
    const shown = this.rows.slice(this.first, this.first + PAGE), last = this.first + shown.length;
    const head = make("thead", {}, make("tr", {}, ...HEADS.map((name) => make("th", { scope: "col" }, name))));
    const caption = make("caption", {}, `Segments ${shown.length ? this.first + 1 : 0} to ${last} of ${this.rows.length}; a time moves the player there.`);
    const table = make("table", {}, caption, head, make("tbody", {}, ...shown.map((row) => this.#row(row))));
    const turn = (words, to, there) => make("button", { type: "button", disabled: !there, onclick: () => this.#turn(to) }, words);
    this.root.replaceChildren(make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Segments" }, table),
      make("p", { class: "row" }, turn("Earlier", this.first - PAGE, this.first > 0), turn("Later", last, last < this.rows.length)));
  }

  #turn(first) {
    this.first = Math.max(0, first);
    this.#draw();
    this.root.firstChild.focus();
  }

  #row(row) {
    const { labels, document } = this.record, basic = winner(row.scores.expression);
    const heard = document.words && document.words.filter(({ start, end }) => row.start <= (start + end) / 2 && (start + end) / 2 < row.end);
    const said = heard === null ? "not listened" : heard.map((word) => word.text).join(" ") || "–";
    const at = make("button", { type: "button", class: "link", onclick: () => this.seek(row.start) }, clock(row.start, 2));
    const cells = [clock(row.end, 2), row.track === null ? SEEN[row.seen] : this.record.face(row.track), row.name ?? "–",
      percent(row.scores.compound[row.top]), basic < 0 ? "–" : `${labels.expression[basic]} ${percent(row.scores.expression[basic])}`,
      ...row.scores.valence_arousal.map(signed), said, row.present.join(", ") || "nobody"];
    return make("tr", {}, make("th", { scope: "row" }, at), ...cells.map((words) => make("td", {}, words)));
  }
}
