"""How segments come onto the frames of an ABAW file: two rules.

`reference_frames` is ours: by real time, half-open, a frame that no segment covers takes the nearest judged one of its
own clip. `ras_frames` is what the released code of RAS does: one frame more per segment, and `ras_classes` fills gaps
along the list, across clips (only to reproduce its rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ensemble.timeline import Rows, Timeline, covering, spread
from ensemble.tracks import NOBODY
from ensemble.write.frames import judged, winners
from modalities.grid import Span
from modalities.types import SECOND, Scores, Segment, Times


def reference_frames(spans: Sequence[Span], scores: Scores, times: Times) -> Scores:
    """Return the mean scores of frames at `times` [F, K] from segments' [S, K]; NaN only where there is no segment."""
    cover_FS = covering([Segment(*span) for span in spans], times, np.full(len(times), NOBODY))
    return fill_nearest(spread(cover_FS, scores, ~np.isnan(scores)), times)


def fill_nearest(scores: Scores, times: Times) -> Scores:
    """Give frames without any score those of the nearest frame in time that has some, the earlier of equals [F, K]."""
    known = judged(scores)
    if not len(known):
        return scores
    after = np.searchsorted(times[known], times).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    nearer = np.abs(times - times[known[before]]) <= np.abs(times[known[after]] - times)
    filled: Scores = scores[np.where(nearer, known[before], known[after])]
    return filled


def ras_frames(spans: Sequence[Span], scores: Scores, fps: Fraction) -> Scores:
    """Return mean scores of frames 1, 2, … [F, K]; segments reach from int(t0·fps)+1 to int(t1·fps)+1, inclusive.

    Four seconds at 30 frames per second are 121 frames (RAS, `get_df` of the released notebook). F ends with the last
    segment; NaN where no segment reaches.
    """
    reach = [(int(start * fps / SECOND), int(end * fps / SECOND) + 1) for start, end in spans]
    total = np.zeros((max((stop for _, stop in reach), default=0), scores.shape[1]))
    count = np.zeros((len(total), 1))
    for (first, stop), score in zip(reach, scores, strict=True):
        total[first:stop] += score
        count[first:stop] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def ras_classes(clips: Sequence[tuple[int, Scores]]) -> list[Times]:
    """Return class numbers of each clip, given how many frames it lists and their mean scores.

    A frame without scores repeats the frame before it in the list, be it another clip's; −1 before the first.
    """
    classes: list[Times] = []
    last = -1
    for frames, scores in clips:
        column = np.full(frames, -1, np.int64)
        known = winners(scores[:frames])
        column[: len(known)] = known
        for place in range(frames):
            last = column[place] = int(column[place]) if column[place] >= 0 else last
        classes.append(column)
    return classes


def nominal_fps(times: Times) -> Fraction:
    """Return the rate of frames at these times: the whole number, or its 1000/1001, where it is one of these."""
    if len(times) < 2 or times[-1] <= times[0]:
        return Fraction(1)
    exact = Fraction((len(times) - 1) * SECOND, int(times[-1] - times[0]))
    usual = [rate for near in [max(1, round(exact))] for rate in (Fraction(near), Fraction(near * 1000, 1001))]
    closest = min(usual, key=lambda rate: abs(rate - exact))
    return closest if abs(closest - exact) < exact / 4000 else exact


def ras_scores(timeline: Timeline, rows: Rows) -> Scores:
    """Return the scores of frames by the released rule, one segment per cell: about whom most of its frames are."""
    verdict = timeline.verdict
    scores = np.where(verdict.said["compound"], verdict.scores["compound"], np.nan)
    place = {(s.start, s.end, s.track): row for row in judged(scores).tolist() for s in [verdict.segments[row]]}
    chosen: dict[Span, int] = {}
    for start, end in dict.fromkeys((segment.start, segment.end) for segment in verdict.segments):
        first, stop = np.searchsorted(rows.times, [start, end])
        tracks, counts = np.unique(rows.tracks[first:stop], return_counts=True)
        about = int(tracks[counts.argmax()]) if len(tracks) else NOBODY
        row = place.get((start, end, about), place.get((start, end, None)))
        if row is not None:
            chosen[start, end] = row
    return ras_frames(list(chosen), scores[list(chosen.values())], nominal_fps(rows.times))
