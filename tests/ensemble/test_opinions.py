"""Aligning members with different grids, against the rule of the design written out member by member."""

import numpy as np
import pytest

from ensemble.opinions import Opinions, align
from modalities.grid import FRAMES, Grid, cut
from modalities.labels import EXPRESSION, Labels, tasks
from modalities.types import SECOND, Output, Scored, Segment

TASKS = tasks()
NAMES = ("Surprise", "Anger", "Neutral")
GRIDS = {
    "papers": Grid(duration=4, step=2, tail=1),
    "short": Grid(duration=2, step=1, tail=0.5),
    "odd": Grid(duration=1.3, step=0.9, tail=0.4),
    "frames": FRAMES,
}


def oracle(segment, output, by_track):
    """The score of one segment, or None: the equal one; the finer ones whose middle is inside; the coarser over its."""
    duration = segment.end - segment.start
    mine = [
        row
        for row, own in enumerate(output.segments)
        if output.present[row] and (not by_track or own.track == segment.track)
    ]
    equal = [r for r in mine if (output.segments[r].start, output.segments[r].end) == (segment.start, segment.end)]
    same_grid = any((own.start, own.end) == (segment.start, segment.end) for own in output.segments)
    finer, coarser = [], []
    for row in mine:
        own = output.segments[row]
        if own.end - own.start < duration:
            finer += [row] if segment.start <= own.middle < segment.end else []
        elif own.end - own.start > duration or not same_grid:
            coarser += [row] if own.start <= segment.middle < own.end else []
    chosen = equal or finer or coarser
    return output.scores["expression"].values[chosen].mean(axis=0) if chosen else None


def speak(spans, tracks, rng, rubbish=np.nan):
    """An output about some segments; every third is absent, with rubbish where it says nothing; it has its doubts."""
    segments = tuple(Segment(a, b, t) for a, b in spans for t in tracks if t is None or rng.random() < 0.7)
    present = rng.random(len(segments)) < 0.7
    values = rng.dirichlet(np.ones(3), len(segments)).astype(np.float32)
    values[~present] = rubbish
    doubts = 1 + values
    return Output(segments, present, {"expression": Scored(Labels(NAMES), values, doubts)})


@pytest.mark.parametrize("timeline", list(GRIDS))
@pytest.mark.parametrize("own", list(GRIDS))
@pytest.mark.parametrize("by_track", [False, True])
def test_scores_are_brought_onto_segments_by_time(timeline, own, by_track):
    rng = np.random.default_rng(0)
    end = 9_312_345
    output = speak(cut(end, GRIDS[own]), (0, 3) if by_track else (None,), rng)
    segments = [Segment(a, b, t) for a, b in cut(end, GRIDS[timeline]) for t in (None, 0, 3, 7)]
    opinions = align(segments, {"someone": (output, by_track)}, TASKS)
    columns = EXPRESSION.labels.positions(NAMES)
    others = [column for column in range(8) if column not in columns]
    assert opinions.present.any()
    for row, segment in enumerate(segments):
        expected = oracle(segment, output, by_track)
        assert opinions.present[0, row] == (expected is not None)
        assert (opinions.said["expression"][0, row, columns] == (expected is not None)).all()
        if expected is not None:
            assert np.allclose(opinions.scores["expression"][0, row, columns], expected, atol=1e-6)
            assert np.allclose(opinions.uncertainty["expression"][0, row, columns], 1 + expected, atol=1e-6)
    assert not opinions.said["expression"][..., others].any()
    assert not opinions.said["valence_arousal"].any()
    assert not opinions.uncertainty["expression"][..., others].any()
    assert not opinions.uncertainty["valence_arousal"].any()
    for columns in (opinions.scores, opinions.uncertainty):
        assert all(np.isfinite(values).all() for values in columns.values())


def test_clip_members_count_for_every_track_and_track_members_for_their_own():
    spans = [(0, SECOND), (SECOND, 2 * SECOND)]
    rng = np.random.default_rng(1)
    everything, ones = speak(spans, (None,), rng, rubbish=0), np.ones(2, np.bool_)
    values = np.eye(3, dtype=np.float32)[:2]
    clip = Output(everything.segments[:2], ones, {"expression": Scored(Labels(NAMES), values)})
    track = Output((Segment(*spans[0], 5), Segment(*spans[1], 6)), ones, clip.scores)
    segments = [Segment(a, b, t) for a, b in spans for t in (None, 5, 6)]
    opinions = align(segments, {"clip": (clip, False), "track": (track, True)}, TASKS)
    assert opinions.present.tolist() == [[True] * 6, [False, True, False, False, False, True]]


def test_a_member_that_has_said_nothing_is_absent():
    nothing = Output((), np.zeros(0, np.bool_), {"expression": Scored(Labels(NAMES), np.zeros((0, 3), np.float32))})
    opinions = align([Segment(0, SECOND)], {"silent": (nothing, False)}, TASKS)
    assert not opinions.present.any()
    assert not opinions.said["expression"].any()
    assert align([], {"silent": (nothing, False)}, TASKS).present.shape == (1, 0)


def test_a_label_outside_the_task_is_refused():
    segment = (Segment(0, SECOND),)
    wrong = Output(
        segment, np.ones(1, np.bool_), {"expression": Scored(Labels(("Bored",)), np.ones((1, 1), np.float32))}
    )
    with pytest.raises(KeyError, match="Bored"):
        align(segment, {"someone": (wrong, False)}, TASKS)


def test_leaving_a_member_out_makes_it_absent():
    rng = np.random.default_rng(2)
    spans = cut(8 * SECOND, GRIDS["papers"])
    outputs = {name: (speak(spans, (None,), rng), False) for name in ("a", "b")}
    opinions = align([Segment(a, b) for a, b in spans], outputs, TASKS)
    rest = opinions.without(["a"])
    assert not rest.present[0].any()
    assert not rest.said["expression"][0].any()
    assert (rest.present[1] == opinions.present[1]).all()
    assert (rest.said["expression"][1] == opinions.said["expression"][1]).all()
    joined = Opinions.join([opinions, rest])
    assert joined.segments == opinions.segments * 2
    assert joined.present.shape == (2, 2 * len(spans))
    again = joined.take(np.arange(len(spans)))
    for task, values in opinions.uncertainty.items():
        assert (again.uncertainty[task] == values).all()


def test_a_member_that_states_no_uncertainty_has_none():
    output = speak([(0, SECOND)], (None,), np.random.default_rng(0))
    sure = Output(output.segments, np.ones(1, np.bool_), {"expression": Scored(Labels(NAMES), np.eye(3)[:1])})
    opinions = align([Segment(0, SECOND)], {"someone": (sure, False)}, TASKS)
    assert opinions.said["expression"].any()
    assert not opinions.uncertainty["expression"].any()
