/* What the timeline shows, lane by lane. A lane has rows with a name and a height; it draws them, and reads them at the
   playhead. Each row is named, so that colour repeats what is said and never says it alone. */

import { spans } from "./columns.js";
import { colour, ink } from "./palette.js";
import { percent, signed } from "./times.js";

const LOW = 24, HIGH = 30, MEMBER = 24;
export const SEEN = {
  face: "in view",
  nobody: "nobody in view",
  away: "out of view",
  whole: "about the clip as a whole",
  unknown: "nobody looked for faces",
};

export function lanes(record) {
  const { labels } = record;
  return [
    {
      title: "Compound expressions",
      note: "share of each, per cent",
      rows: labels.compound.map((name, at) => ({ name, height: LOW, colour: colour(at) })),
      draw: (pen, shown) => shares(pen, shown, "compound", (at) => colour(at)),
      read: (row) => row.scores.compound.map(percent),
    },
    {
      title: "Basic expressions",
      note: "share of each, per cent",
      rows: labels.expression.map((name) => ({ name, height: LOW })),
      draw: (pen, shown) => shares(pen, shown, "expression", () => pen.theme.accent),
      read: (row) => row.scores.expression.map(percent),
    },
    {
      title: "Valence and arousal",
      note: "from −1 to +1",
      rows: labels.valence_arousal.map((name) => ({ name: capital(name), height: HIGH })),
      draw: (pen, shown) =>
        bipolar(pen, shown, labels.valence_arousal, HIGH, 1, (column, at) => column.scores.valence_arousal?.[at]),
      read: (row) => row.scores.valence_arousal.map(signed),
    },
    spoken(record),
    told(record),
    contributed(record),
    {
      title: "Action units",
      note: "probability of each, per cent",
      closed: true,
      rows: labels.action_units.map((name) => ({ name, height: LOW })),
      draw: (pen, shown) => shares(pen, shown, "action_units", () => pen.theme.quiet),
      read: (row) => row.scores.action_units.map(percent),
    },
  ].filter(Boolean);
}

/** The two rows that stand in the slider: the label, and whether somebody is in view. */
export const TOP = [{ name: "Label", height: 28 }, { name: "In view", height: 18 }];

export function top(pen, shown, record) {
  pen.hatch(0, TOP[0].height);
  for (const { start, end, value } of spans(shown, (column) => column.name)) {
    if (value === null) continue;
    const fill = colour(record.labels.compound.indexOf(value));
    pen.box(start, end, 0, TOP[0].height, pen.theme.paper);
    pen.box(start, end, 2, TOP[0].height - 4, fill);
    pen.text(value, start, end, TOP[0].height / 2, ink(fill), { room: 6 });
  }
  const y = TOP[0].height + TOP[1].height / 2;
  pen.hatch(TOP[0].height + 3, TOP[1].height - 6);
  for (const { start, end, value } of spans(shown, (column) => column.seen)) {
    pen.box(start, end, TOP[0].height, TOP[1].height, pen.theme.paper);
    if (value === "face") pen.box(start, end, y - 3, 6, pen.theme.quiet);
    else pen.text(SEEN[value], start, end, y, pen.theme.faint, { cut: false });
  }
}

/** A row for each class, as high as its share; where nobody says it, it stays hatched. */
function shares(pen, shown, task, fill) {
  const count = shown[0]?.scores[task].length ?? 0;
  for (let at = 0; at < count; at += 1) {
    pen.hatch(at * LOW + 1, LOW - 2);
    for (const { start, end, scores } of shown) {
      const value = scores[task][at];
      if (value === null) continue;
      const height = value * (LOW - 3);
      pen.box(start, end, at * LOW, LOW, pen.theme.paper);
      pen.box(start, end, (at + 1) * LOW - 1 - height, height, fill(at));
    }
    pen.line((at + 1) * LOW - 1);
  }
}

/** A row for each, up from its middle or down from it. */
function bipolar(pen, shown, rows, height, reach, of) {
  rows.forEach((_, at) => {
    const middle = (at + 0.5) * height;
    pen.hatch(at * height + 1, height - 2);
    for (const column of shown) {
      const value = of(column, at);
      if (value === null || value === undefined) continue;
      const size = (Math.max(-1, Math.min(1, value / reach)) * (height - 4)) / 2;
      pen.box(column.start, column.end, at * height, height, pen.theme.paper);
      pen.box(column.start, column.end, middle - Math.max(0, size), Math.abs(size), value < 0 ? pen.theme.quiet : pen.theme.accent);
    }
    pen.line(middle);
  });
}

function contributed(record) {
  const { members } = record;
  let reach = 0.05;
  return {
    title: "Which member said what",
    /** Rows reach as far as any value among those that are shown; says so. */
    scale: (rows) => {
      const sizes = rows.flatMap((row) => Object.values(row.contributions)).map(Math.abs);
      reach = sizes.reduce((most, size) => Math.max(most, size), 0.05);
      return `what the label would lose without it; a row reaches ±${reach.toFixed(2)}, hatched: no opinion`;
    },
    rows: members.map((name) => ({ name, height: MEMBER })),
    draw: (pen, shown) => bipolar(pen, shown, members, MEMBER, reach, (column, at) => column.contributions[members[at]]),
    read: (row) => members.map((member) => signed(row.contributions[member] ?? null)),
  };
}

function spoken(record) {
  const { speech, words } = record.document;
  const voice = speech === undefined ? 0 : 18; // live, nobody says where somebody speaks
  const rows = [...(voice ? [{ name: "Voice", height: voice }] : []), { name: "Words", height: 44 }];
  return {
    title: "Speech and words",
    note: words?.some((word) => word.timing === "estimated") ? "words in italics: their times are estimated" : "",
    rows,
    draw: (pen) => {
      const { theme, view } = pen;
      if (speech === null) say(pen, "nobody listened for speech", 9);
      else if (voice && !speech.length) say(pen, "nobody speaks", 9);
      for (const [start, end] of speech ?? []) pen.box(start, end, 5, 8, theme.quiet);
      if (voice) pen.line(17);
      pen.context.translate(0, voice);
      if (!words) return say(pen, "nobody listened for words", 22);
      if (!words.length) return say(pen, "no words were understood", 22);
      const ends = [-Infinity, -Infinity];
      let drawn = 0, inside = 0;
      for (const word of words) {
        if (word.end < view.from || word.start > view.to) continue;
        inside += 1;
        const left = pen.x(word.start), lane = ends.findIndex((end) => end < left);
        if (lane < 0) continue;
        pen.text(word.text, word.start, Infinity, 12 + lane * 20, theme.ink, { cut: false, room: 0, slanted: word.timing === "estimated" });
        ends[lane] = left + pen.context.measureText(word.text).width + 5;
        drawn += 1;
      }
      if (drawn < 0.7 * inside) {
        pen.context.clearRect(0, 0, pen.width, 44);
        say(pen, `${inside} words here; zoom in to read them`, 22);
      }
    },
    read: () => rows.map(() => ""),
  };
}

function told(record) {
  const { captions } = record.document, height = 26;
  return {
    title: "Captions",
    rows: [{ name: "Scene", height }],
    draw: (pen) => {
      if (!captions) return say(pen, "nobody wrote captions", height / 2);
      if (!captions.length) return say(pen, "there was nothing to describe", height / 2);
      let from = -Infinity;
      for (const { start, end, text } of captions) {
        const begin = Math.max(start, from); // captions may overlap: each shows what is new
        if (end <= begin) continue;
        pen.box(begin, end, 2, height - 4, pen.theme.hatch);
        pen.box(begin, begin, 2, height - 4, pen.theme.faint);
        pen.text(text, begin, end, height / 2, pen.theme.ink);
        from = end;
      }
    },
    read: () => [""],
  };
}

const say = (pen, words, y) => pen.text(words, pen.view.from, pen.view.to, y, pen.theme.faint);

const capital = (name) => name[0].toUpperCase() + name.slice(1);
