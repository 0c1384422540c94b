/* A document as rows over time about one face, or about whoever is in view. */

import { Faces, before } from "./faces.js";

export const MAIN = "main", NOBODY = "nobody";
const TASKS = ["compound", "expression", "valence_arousal", "action_units"];

export class Record {
  constructor(document) {
    this.document = document;
    this.labels = document.labels;
    this.members = document.members;
    this.faces = new Faces(document);
    this.start = Math.min(0, document.clip.start);
    this.end = Math.max(document.clip.end, this.start + 0.001);
    this.tracks = [...new Set(document.segments.map((s) => s.track).filter((track) => track !== null))];
    this.tracks.sort((one, other) => one - other);
    this.starts = new Map();
  }

  /** Whom one may look at: value and words. */
  get choices() {
    if (!this.tracks.length) return [[MAIN, "The clip as a whole"]];
    const faces = this.tracks.map((track) => [String(track), this.face(track)]);
    return [[MAIN, "The main face"], ...(faces.length > 1 ? faces : []), [NOBODY, "Nobody: the clip as a whole"]];
  }

  /** What a face is called; a number where there is one only would raise questions. */
  face = (track) => (this.tracks.length > 1 ? `Face ${this.tracks.indexOf(track) + 1}` : "The face");

  /** Rows in order of time, without gaps inside; see `#row`. */
  rows(choice) {
    const segments = [...this.document.segments].sort((one, other) => one.start - other.start);
    const edges = segments.flatMap(({ start, end }) => [start, end]), turns = choice === MAIN ? this.faces.changes : [];
    const bounds = [...new Set([...edges, ...turns])].sort((one, other) => one - other);
    const rows = [];
    let open = [], next = 0;
    for (let at = 0; at + 1 < bounds.length; at += 1) {
      const [start, end] = [bounds[at], bounds[at + 1]];
      while (next < segments.length && segments[next].start <= start) open.push(segments[next++]);
      open = open.filter((segment) => segment.end > start);
      if (open.length) rows.push(this.#row(start, end, open, choice));
    }
    this.starts.set(rows, rows.map((row) => row.start));
    return rows;
  }

  /** A span in which nothing changes. `seen`: face, nobody (in view), away (it, though others are there), whole (by choice),
      unknown (nobody looked). */
  #row(start, end, open, choice) {
    const wanted = choice === MAIN ? this.#mainOf(open, start) : choice === NOBODY ? null : Number(choice);
    let about = open.filter((segment) => segment.track === wanted);
    if (!about.length && choice === MAIN) about = open.filter((segment) => segment.track === null);
    const track = about[0]?.track ?? null;
    const fused = (task) => mean(about.map((one) => one.scores[task])) ?? this.labels[task].map(() => null);
    const scores = Object.fromEntries(TASKS.map((task) => [task, fused(task)]));
    scores.compound = shares(scores.compound);
    const top = winner(scores.compound), name = this.labels.compound[top] ?? null;
    const agreeing = about.filter((segment) => segment.top_compound === name);
    const contributions = {};
    for (const member of this.members) {
      const said = agreeing.map((one) => one.contributions[member]).filter((value) => value !== undefined);
      if (said.length) contributions[member] = said.reduce((sum, value) => sum + value, 0) / said.length;
    }
    const present = this.members.filter((member) => about.some((one) => one.present.includes(member)));
    return { start, end, track, seen: this.#seen(open, track, choice), scores, top, name, contributions, present };
  }

  #mainOf(open, time) {
    if (this.faces.looked.length) return this.faces.main(time);
    return Math.min(...open.map((segment) => segment.track ?? Infinity)); // live: who is seen, not where
  }

  #seen(open, track, choice) {
    if (track !== null) return "face";
    if (choice !== MAIN && choice !== NOBODY) return "away";
    if (open.some((segment) => segment.track !== null)) return choice === NOBODY ? "whole" : "away";
    return this.faces.looked.length ? "nobody" : "unknown";
  }

  /** The row at a time, or null. */
  at(rows, time) {
    const row = rows[before(this.starts.get(rows), time + 1e-6)];
    return row && time < row.end + 1e-6 ? row : null;
  }

  /** What is said at a time: null where nobody listened. */
  words(time, around = 1.5) {
    return this.document.words && this.document.words.filter((w) => w.end > time - around && w.start < time + around);
  }

  speaks = (time) => this.document.speech && this.document.speech.some(([start, end]) => start <= time && time < end);

  captions = (time) => (this.document.captions ?? []).filter((one) => one.start <= time && time < one.end);
}

/** Mean of equally long lists over those that say something: null where nobody does, undefined of no list. */
export function mean(lists) {
  if (lists.length < 2) return lists[0];
  return lists[0].map((_, column) => {
    const said = lists.map((list) => list[column]).filter((value) => value !== null);
    return said.length ? said.reduce((sum, value) => sum + value, 0) / said.length : null;
  });
}

function shares(scores) {
  const sum = scores.reduce((total, value) => total + (value ?? 0), 0);
  return scores.map((value) => (value === null || sum <= 0 ? null : value / sum));
}

/** Position of the highest score, the first of equals; −1 where nothing is said. */
export function winner(scores) {
  let best = -1;
  scores.forEach((value, at) => {
    if (value !== null && (best < 0 || value > scores[best])) best = at;
  });
  return best;
}
