"""Targets of segments: the mean over the valid frames inside, by presentation time."""

from pathlib import Path

import numpy as np
import pytest

from modalities.grid import FRAMES, Grid, cut
from modalities.labels import tasks
from modalities.types import SECOND, Segment
from tests.checks.timelines import irregular
from tuning.corpora.corpus import LabelledClip, one_hot
from tuning.corpora.labelling import AtFrames, AtTimes, OverSpans


def clip(times, labels):
    labelling = AtTimes(np.asarray(times, np.int64))
    return LabelledClip("clip", Path("clip.mp4"), "somebody", "train", labelling, labels)


def segment_targets(segments, labelled, row_times=()):
    return labelled.targets(segments, np.asarray(row_times, np.int64))


@pytest.mark.parametrize("grid", [FRAMES, Grid(duration=4, step=2, tail=1), Grid(duration=0.7, step=0.3, tail=0)])
def test_targets_are_means_of_valid_frames(grid):
    rng, times = np.random.default_rng(0), irregular(9 * SECOND)
    labels = {name: rng.random((len(times), len(task.labels))).astype(np.float32) for name, task in tasks().items()}
    for values in labels.values():
        values[rng.random(len(times)) < 0.5] = np.nan
    labels["action_units"][rng.random(labels["action_units"].shape) < 0.3] = np.nan
    segments = [Segment(start, end, track) for start, end in cut(9_200_000, grid) for track in (None, 1)]
    found = segment_targets(segments, clip(times, labels))
    assert found.keys() == labels.keys()
    for task, values in labels.items():
        for row, segment in enumerate(segments):
            inside = values[(times >= segment.start) & (times < segment.end)]
            for column in range(values.shape[1]):
                valid = inside[:, column][~np.isnan(inside[:, column])]
                expected = valid.mean() if len(valid) else np.nan
                assert np.isclose(found[task][row, column], expected, atol=1e-5, equal_nan=True)


def test_a_segments_expression_is_the_share_of_its_frames():
    labels = {"expression": one_hot(np.array([4, 4, 6, -1, 0]), 8)}
    found = segment_targets([Segment(0, 40), Segment(30, 40), Segment(40, 50)], clip([0, 10, 20, 30, 40], labels))
    assert found["expression"][0].tolist() == pytest.approx([0, 0, 0, 0, 2 / 3, 0, 1 / 3, 0])
    assert np.isnan(found["expression"][1]).all()
    assert found["expression"][2].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_no_segments_and_no_frames():
    labels = {"valence_arousal": np.zeros((0, 2), np.float32)}
    assert segment_targets([], clip([], labels))["valence_arousal"].shape == (0, 2)
    assert np.isnan(segment_targets([Segment(0, 5)], clip([], labels))["valence_arousal"]).all()


def test_labels_by_frame_number_are_those_at_the_frames_times():
    rng, times = np.random.default_rng(1), irregular(5 * SECOND)
    labels = {"valence_arousal": rng.random((len(times), 2)).astype(np.float32)}
    numbered = LabelledClip("clip", Path("clip.mp4"), "x", "train", AtFrames(np.arange(len(times))), labels)
    segments = [Segment(start, end) for start, end in cut(5 * SECOND, Grid(duration=1, step=0.5, tail=0))]
    expected = segment_targets(segments, clip(times, labels))["valence_arousal"]
    np.testing.assert_allclose(segment_targets(segments, numbered, times)["valence_arousal"], expected)
    fewer = segment_targets(segments, numbered, times[:-30])["valence_arousal"]
    assert np.isnan(fewer[-1]).all(), "the clip has fewer frames than its annotation has lines"
    assert numbered.labelling.units(times[:-30])[:, 0].tolist() == [*times[:-30].tolist(), *[-1] * 30]


def test_a_span_has_its_own_row_and_other_segments_share():
    rows = one_hot(np.array([0, 1, -1]), 8)
    spans = OverSpans(np.array([[0, 40], [20, 60], [60, 80]]))
    segments = [Segment(0, 40), Segment(20, 60), Segment(0, 60), Segment(50, 80), Segment(60, 80), Segment(90, 99)]
    found = spans.targets(segments, rows, np.zeros(0, np.int64))
    assert found[:4, :2].tolist() == [[1, 0], [0, 1], [0.5, 0.5], [0, 1]]
    assert np.isnan(found[4:]).all()
    assert (OverSpans.whole().targets(segments, rows[:1], np.zeros(0, np.int64))[:, 0] == 1).all()
