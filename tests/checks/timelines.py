"""What a timeline must do with overlapping segments. Each check takes a class that is, or extends, `Verdict`."""

import numpy as np

from ensemble.opinions import Opinions
from ensemble.tracks import NOBODY
from modalities.labels import tasks
from modalities.types import SECOND, Segment
from tests.checks.fusions import draw

TASKS = tasks()


def verdict(kind, segments, seed=0):
    """Random scores about segments, some of them unsaid."""
    rng, rows = np.random.default_rng(seed), len(segments)
    drawn = draw(rows, seed)
    opinions = Opinions(tuple(segments), drawn.members, drawn.present, drawn.scores, drawn.said)
    scores = {name: rng.random((rows, len(task.labels))).astype(np.float32) for name, task in TASKS.items()}
    said = {name: rng.random(values.shape) < 0.8 for name, values in scores.items()}
    return kind(opinions, scores, said, rng.normal(size=(5, rows, 7)).astype(np.float32))


def irregular(end, seed=0):
    """Presentation times as a phone writes them."""
    times = np.cumsum(np.random.default_rng(seed).choice([16_667, 33_367, 50_050, 400_000], size=400))
    return times[times < end].astype(np.int64)


def enumerated(found, times, tracks, task):
    """The slow, obvious mean: frame by frame, class by class."""
    rows = np.full((len(times), found.scores[task].shape[1]), np.nan)
    for frame, (time, track) in enumerate(zip(times.tolist(), tracks.tolist(), strict=True)):
        for column in range(rows.shape[1]):
            values = []
            for number, segment in enumerate(found.segments):
                if segment.start <= time < segment.end and _about(found.segments, segment, track):
                    values += [found.scores[task][number, column]] if found.said[task][number, column] else []
            if values:
                rows[frame, column] = np.mean(values)
    return rows


def _about(segments, segment, track):
    """Of its cell, the segment about this track; the one about nobody, where the track was not seen in it."""
    there = any((s.start, s.end, s.track) == (segment.start, segment.end, track) for s in segments)
    return segment.track == (track if there and track != NOBODY else None)


def check_overlap_is_averaged(kind):
    """A frame takes the mean of all segments that cover it, class by class, over those that say the class."""
    spans = [(start * SECOND, (start + 4) * SECOND) for start in (0, 2, 4, 6)]
    segments = [Segment(a, b, t) for a, b in spans for t in (None, 0, 1) if not (t == 1 and a == 2 * SECOND)]
    found, times = verdict(kind, segments), irregular(11 * SECOND)
    tracks = np.random.default_rng(1).choice([NOBODY, 0, 1], size=len(times))
    rows = found.rows(times, tracks)
    for task in TASKS:
        assert np.allclose(rows.scores[task], enumerated(found, times, tracks, task), atol=1e-6, equal_nan=True), task


def check_rows_follow_presentation_times(kind):
    """Which segment a frame is in is told by its presentation time, not by its number."""
    segments = [Segment(0, SECOND), Segment(SECOND, 5 * SECOND), Segment(5 * SECOND, 8 * SECOND)]
    found = verdict(kind, segments)
    found = kind(found.opinions, found.scores, {t: np.ones_like(s) for t, s in found.said.items()}, found.contributions)
    times = irregular(8 * SECOND, seed=4)
    rows = found.rows(times, np.full(len(times), NOBODY))
    assert (rows.times == times).all()
    for number, segment in enumerate(segments):
        inside = (times >= segment.start) & (times < segment.end)
        assert inside.any()
        assert np.allclose(rows.scores["expression"][inside], found.scores["expression"][number], atol=1e-6)


CHECKS = (check_overlap_is_averaged, check_rows_follow_presentation_times)
