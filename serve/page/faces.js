/* Where faces are, and whom a moment is about: the same rule as `ensemble/tracks.py`. */

const STAYS = 1, LARGER = 1.5, EDGE = 1e-6;
/* Seconds that a face stays the main one after its last box; how much larger another must be to take over. */

/** Position of the last of rising values that is ≤ `value`; −1 for none. */
export function before(values, value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class Faces {
  constructor(document) {
    this.looked = document.looked.times;
    this.tracks = document.tracks.map(({ id, boxes }) => ({ id, boxes, times: boxes.map((box) => box.time) }));
    this.states = this.#follow();
  }

  /** Track → its box in a look, for each look. */
  #seen() {
    const seen = this.looked.map(() => new Map());
    for (const track of this.tracks)
      for (const box of track.boxes) {
        const look = before(this.looked, box.time + EDGE);
        if (look >= 0) seen[look].set(track.id, area(box.box));
      }
    return seen;
  }

  #follow() {
    let track = null, last = -Infinity;
    return this.#seen().map((areas, look) => {
      const time = this.looked[look], largest = largestOf(areas);
      if (areas.has(track)) track = areas.get(largest) > LARGER * areas.get(track) ? largest : track;
      else if (track === null || time - last > STAYS + EDGE) track = largest;
      if (areas.has(track)) last = time;
      return { track, last, follower: areas.has(track) ? null : largest };
    });
  }

  /** The main face at a time, or null. */
  main(time) {
    const look = before(this.looked, time + EDGE);
    if (look < 0) return null;
    const { track, last, follower } = this.states[look];
    return time - last <= STAYS + EDGE ? track : follower;
  }

  /** When another face becomes the main one, or none. */
  get changes() {
    const times = this.looked.flatMap((time, look) => {
      const over = this.states[look].last + STAYS + 2 * EDGE;
      return over > time && over < (this.looked[look + 1] ?? Infinity) ? [time, over] : [time];
    });
    return times.filter((time, at) => at > 0 && this.main(time) !== this.main(times[at - 1]));
  }

  /** Boxes at a time: between two looks that both saw a face it moves from one to the other, else the nearer look counts. */
  at(time) {
    const look = before(this.looked, time + EDGE);
    const here = this.looked[look] ?? -Infinity, next = this.looked[look + 1] ?? Infinity;
    const step = look > 0 ? here - this.looked[look - 1] : 0.2;
    const found = [];
    for (const { id, boxes, times } of this.tracks) {
      const at = before(times, time + EDGE), first = boxes[at], second = boxes[at + 1];
      const now = first && first.time > here - EDGE ? first : null;
      const then = second && second.time < next + EDGE ? second : null;
      if (now && then) found.push({ id, box: blend(now, then, (time - here) / (next - here)), sure: now.detected });
      else if (now && time - here <= Math.min(next - here, step) / 2) found.push({ id, box: now.box, sure: now.detected });
      else if (then && next - time < (next - here) / 2) found.push({ id, box: then.box, sure: then.detected });
    }
    return found;
  }
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);

const blend = (first, second, share) =>
  first.box.map((from, side) => from + (second.box[side] - from) * Math.min(1, Math.max(0, share)));

/** The largest face, of equal ones the first; null for none. */
function largestOf(areas) {
  let best = null;
  for (const [track, size] of areas)
    if (best === null || size > areas.get(best) || (size === areas.get(best) && track < best)) best = track;
  return best;
}
