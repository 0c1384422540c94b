/* Rows as columns to draw: the rows in view, or means of several where there are more than can be seen. */

import { mean } from "./record.js";

const MOST = 1000;

export function columns(rows, from, to, most = MOST) {
  const shown = rows.filter((row) => row.end > from && row.start < to);
  const each = Math.ceil(shown.length / most);
  if (each < 2) return shown;
  const merged = [];
  for (let first = 0; first < shown.length; first += each) merged.push(merge(shown.slice(first, first + each)));
  return merged;
}

function merge(rows) {
  const scores = {}, contributions = {};
  for (const task of Object.keys(rows[0].scores)) scores[task] = mean(rows.map((row) => row.scores[task]));
  for (const row of rows)
    for (const [member, value] of Object.entries(row.contributions)) (contributions[member] ??= []).push(value);
  for (const [member, values] of Object.entries(contributions))
    contributions[member] = values.reduce((sum, value) => sum + value, 0) / values.length;
  const typical = (of) => rows.map(of).sort(byCount(rows.map(of)))[0];
  return {
    start: rows[0].start,
    end: rows.at(-1).end,
    scores,
    contributions,
    name: typical((row) => row.name),
    seen: typical((row) => row.seen),
  };
}

function byCount(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return (one, other) => counts.get(other) - counts.get(one);
}

/** Neighbouring columns that agree, as spans. */
export function spans(shown, of) {
  const found = [];
  for (const column of shown) {
    const value = of(column), last = found.at(-1);
    if (last && last.value === value && column.start - last.end < 1e-6) last.end = column.end;
    else found.push({ start: column.start, end: column.end, value });
  }
  return found;
}
