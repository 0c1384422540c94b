"""Rows: segments spread onto video frames by their presentation times."""

from fractions import Fraction

import numpy as np
import pytest

from ensemble.timeline import Rows, Verdict, covering, spread
from ensemble.tracks import NOBODY
from modalities.types import SECOND, Segment
from tests.checks.timelines import irregular, verdict
from tests.golden import golden


@pytest.mark.parametrize("clip", ["01", "02", "03"])
def test_frames_take_the_papers_means(clip):
    """The reference vectors: half-open segments by real time (what they fill after the last segment is not ours)."""
    about = golden("released", "segment_to_frame")["videos"][clip]
    scores = np.array(about["scores"], np.float32)
    spans = [(2 * k, min(2 * k + 4, about["duration"])) for k in range(len(scores))]
    segments = [Segment(round(start * SECOND), round(end * SECOND)) for start, end in spans]
    runs = golden("reference", "segment_to_frame")["frame_mean_runs"][clip]
    period = 1 / Fraction(about["fps_fraction"])
    times = np.array([round(frame * period * SECOND) for frame in range(runs[-1][1])], np.int64)
    rows = spread(covering(segments, times, np.full(len(times), NOBODY)), scores, np.ones(scores.shape, np.bool_))
    covered = times < segments[-1].end
    expected = np.concatenate([np.tile(value, (last - first + 1, 1)) for first, last, value in runs])
    assert covered.sum() > 0.9 * len(times)
    assert np.allclose(rows[covered], expected[covered], atol=1e-6)
    assert np.isnan(rows[~covered]).all()


def test_covering_without_segments_or_rows():
    none = np.zeros(0, np.int64)
    assert covering([], irregular(SECOND), np.zeros(len(irregular(SECOND)), np.int64)).shape[1] == 0
    assert covering([Segment(0, 5)], none, none).shape == (0, 1)
    assert spread(np.zeros((2, 0), np.bool_), np.zeros((0, 3)), np.zeros((0, 3), np.bool_)).shape == (2, 3)


def test_what_nobody_says_is_not_averaged_in():
    cover = np.array([[True, True], [True, False], [False, True], [False, False]])
    values, said = np.array([[1.0, 9.0], [3.0, 9.0]]), np.array([[True, False], [True, False]])
    rows = spread(cover, values, said)
    assert rows[:, 0].tolist()[:3] == [2, 1, 3]
    assert np.isnan(rows[3, 0])
    assert np.isnan(rows[:, 1]).all()


def test_a_track_that_a_cell_has_not_seen_takes_what_is_about_nobody():
    segments = [Segment(0, 10), Segment(0, 10, 1), Segment(10, 20), Segment(5, 20), Segment(5, 20, 1)]
    found = covering(segments, np.array([2, 7, 7, 12]), np.array([1, 1, NOBODY, 1])).astype(int)
    assert found.tolist() == [[0, 1, 0, 0, 0], [0, 1, 0, 0, 1], [1, 0, 0, 1, 0], [0, 0, 1, 0, 1]]


def test_a_row_shows_who_contributed_to_its_own_winner():
    segments = [Segment(0, 4), Segment(2, 6)]
    found = verdict(Verdict, segments)
    said = {task: np.ones_like(mask) for task, mask in found.said.items()}
    found = Verdict(found.opinions, found.scores, said, found.contributions)
    rows = found.rows(np.array([1, 3, 5, 6]), np.full(4, NOBODY))
    means = [[0], [0, 1], [1]]
    for row, chosen in enumerate(means):
        winner = found.scores["compound"][chosen].mean(axis=0).argmax()
        expected = found.contributions[:, chosen, winner].mean(axis=1)
        assert np.allclose(rows.contributions[row], expected, atol=1e-6)
    assert np.isnan(rows.contributions[3]).all()


def test_compounds_are_normalised_per_row_when_they_are_read():
    scores = np.array([[1, 3], [np.nan, np.nan], [2, np.nan], [0, 0]], np.float32)
    rows = Rows(np.arange(4), np.zeros(4, np.int64), {"compound": scores}, np.zeros((4, 1), np.float32))
    assert rows.compound_probability[0].tolist() == [0.25, 0.75]
    assert np.isnan(rows.compound_probability[[1, 3]]).all()
    assert rows.compound_probability[2, 0] == 1
    assert np.isnan(rows.compound_probability[2, 1])
    both = Rows.join([rows, rows])
    assert both.times.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
