/* What is there at the playhead, in words and numbers. */

import { make, style } from "./elements.js";
import { colour } from "./palette.js";
import { clock, percent, signed } from "./times.js";

export class Moment {
  constructor(root) {
    this.root = root;
    this.clock = make("p", { class: "clock" });
    this.body = make("div");
    root.replaceChildren(this.clock, this.body);
  }

  show(record, rows) {
    Object.assign(this, { record, rows, said: null });
  }

  move(time) {
    const { record } = this, row = record.at(this.rows, time), words = record.words(time);
    this.clock.textContent = `At ${clock(time)} of ${clock(record.end)}`;
    const heard = words && words.map((word) => word.text).join(" "), seen = record.captions(time).at(-1)?.text ?? "";
    const said = [row?.start, row?.track, heard, seen, record.speaks(time)].join("|");
    if (said === this.said) return;
    this.said = said;
    this.body.replaceChildren(...(row ? this.#judged(row) : [make("p", { class: "label" }, "Not judged")]),
      this.#fact("Words", this.#heard(heard, time)), ...(seen ? [this.#fact("Scene", seen)] : []), ...(row ? this.#members(row) : []));
  }

  #judged(row) {
    const { labels } = this.record, share = row.scores.compound[row.top];
    const swatch = row.name && style(make("i", { class: "swatch" }), { "--class": colour(row.top) });
    const label = make("p", { class: "label" }, swatch, row.name ?? "No label", make("span", { class: "share" }, row.name ? percent(share) : ""));
    const basic = row.scores.expression.map((value, at) => [value, labels.expression[at]]).filter(([value]) => value !== null);
    const best = basic.sort(([one], [other]) => other - one).slice(0, 3).map(([value, name]) => `${name} ${percent(value)}`);
    const affect = labels.valence_arousal.map((name, at) => `${name} ${signed(row.scores.valence_arousal[at])}`);
    return [label, make("p", { class: "whom" }, this.#whom(row)),
      this.#fact("Basic", best.join(", ") || "nobody says"), this.#fact("Affect", affect.join(", "))];
  }

  #whom(row) {
    const others = "voice, words and scene";
    return {
      face: () => this.record.face(row.track) + " is in view",
      nobody: () => `Nobody is in view: judged by ${others} alone`,
      away: () => (row.name ? `The main face is out of view: judged by ${others} alone` : "This face is out of view"),
      whole: () => `The clip as a whole, by ${others}`,
      unknown: () => "Nobody looked for faces",
    }[row.seen]();
  }

  #heard(heard, time) {
    if (heard === null) return "nobody listened for words";
    if (heard) return `“${heard}”`;
    return this.record.speaks(time) ? "somebody speaks, no words were understood" : "nothing is said here";
  }

  #fact = (name, words) => make("p", { class: "fact" }, make("span", { class: "name" }, name), make("span", {}, words));

  #members(row) {
    const reach = Math.max(0.05, ...Object.values(row.contributions).map(Math.abs));
    const items = this.record.members.map((member) => {
      const value = row.contributions[member] ?? null;
      const bar = style(make("span", { class: value < 0 ? "bar against" : "bar" }), { "--size": Math.abs(value ?? 0) / reach });
      return make("li", {}, make("span", { class: "name" }, member), make("span", { class: "room" }, value === null ? null : bar),
        make("span", { class: "number" }, value === null ? "absent" : signed(value)));
    });
    return [make("h3", { class: "small" }, "Who said it"), make("ul", { class: "members" }, ...items)];
  }
}
