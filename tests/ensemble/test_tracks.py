"""Whom a row is about: the largest face, with hysteresis; it stays for one second."""

import numpy as np

from ensemble.tracks import LARGER, NOBODY, STAYS, Primary, Sightings
from modalities.types import SECOND

STEP = 200_000


def seen(*frames, start=0):
    """Sightings in frames 0.2 s apart; each frame is {track: area}."""
    looked = start + STEP * np.arange(len(frames), dtype=np.int64)
    rows = [(time, track, area) for time, frame in zip(looked, frames, strict=True) for track, area in frame.items()]
    boxes = np.array([(0, 0, area, 1) for *_, area in rows], np.float32).reshape(-1, 4)
    times, tracks = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    sure = np.ones(len(rows), np.bool_)
    return Sightings(times, tracks, boxes, sure.astype(np.float32), sure, looked, np.ones(len(looked), np.bool_))


def primary(sightings, times):
    follower = Primary()
    follower.see(sightings)
    return follower.at(np.asarray(times, np.int64)).tolist()


def each(frames):
    return [STEP * number for number in range(len(frames))]


def test_the_largest_face_is_primary():
    frames = [{0: 0.2, 1: 0.3}, {0: 0.2, 1: 0.3}]
    assert primary(seen(*frames), each(frames)) == [1, 1]


def test_of_equal_faces_the_first_track_is_primary():
    assert primary(seen({4: 0.2, 2: 0.2}), [0]) == [2]


def test_a_somewhat_larger_face_does_not_take_over():
    frames = [{0: 0.2}, {0: 0.2, 1: 0.2 * LARGER - 0.01}, {0: 0.2, 1: 0.2 * LARGER + 0.01}, {0: 0.3, 1: 0.25}]
    assert primary(seen(*frames), each(frames)) == [0, 0, 1, 1]


def test_it_stays_for_a_second_after_its_last_box():
    frames = [{0: 0.2}] + [{}] * 9
    rows = [0, STAYS // 2, STAYS, STAYS + 1, 2 * STAYS - STEP]
    assert primary(seen(*frames), rows) == [0, 0, 0, NOBODY, NOBODY]


def test_another_face_waits_until_it_has_gone():
    frames = [{0: 0.2}, {1: 0.9}, {1: 0.9}, {1: 0.9}, {1: 0.9}, {1: 0.9}, {1: 0.9}]
    assert primary(seen(*frames), each(frames)) == [0, 0, 0, 0, 0, 0, 1]
    assert primary(seen(*frames[:6]), [STAYS, STAYS + 1]) == [0, 1], "not nobody: somebody is in view"


def test_it_comes_back_within_the_second():
    frames = [{0: 0.2}, {1: 0.25}, {1: 0.25}, {0: 0.2, 1: 0.25}, {0: 0.2, 1: 0.25}]
    assert primary(seen(*frames), each(frames)) == [0] * 5


def test_nobody_is_nobody():
    assert primary(seen({}, {}), [0, 100, 300_000]) == [NOBODY] * 3
    assert primary(Sightings.of(None), [0, 100]) == [NOBODY] * 2
    assert primary(seen({0: 0.1}, start=SECOND), [0, SECOND - 1, SECOND]) == [NOBODY, NOBODY, 0]


def test_a_row_takes_the_last_frame_before_it():
    frames = [{0: 0.1}, {0: 0.1, 1: 0.5}]
    assert primary(seen(*frames), [0, STEP - 1, STEP, STEP + 5]) == [0, 0, 1, 1]


def test_in_pieces_it_is_the_same():
    rng = np.random.default_rng(0)
    frames = [{t: rng.uniform(0.05, 0.6) for t in (0, 1, 2) if rng.random() < 0.4} for _ in range(120)]
    times = np.arange(0, 120 * STEP, 33_333)
    whole = primary(seen(*frames), times)
    assert len(set(whole)) == 4
    for length in (1, 7, 50):
        follower, rows = Primary(), []
        for first in range(0, 120, length):
            follower.see(seen(*frames[first : first + length], start=first * STEP))
            span = (times >= first * STEP) & (times < (first + length) * STEP)
            rows += follower.at(times[span]).tolist()
        assert rows == whole


def test_sightings_can_be_cut_and_joined():
    whole = seen({0: 0.1}, {}, {0: 0.2, 3: 0.1}, {3: 0.4})
    later = whole.since(2 * STEP)
    assert later.times.tolist() == [2 * STEP, 2 * STEP, 3 * STEP]
    assert later.looked.tolist() == [2 * STEP, 3 * STEP]
    assert whole.tracks_in(0, 2 * STEP) == [0]
    assert whole.tracks_in(2 * STEP, 2 * STEP + 1) == [0, 3]
    assert whole.tracks_in(STEP, STEP + 1) == []
    assert np.allclose(whole.areas, [0.1, 0.2, 0.1, 0.4])
    both = Sightings.join([Sightings.of(None), later])
    assert both.tracks.tolist() == later.tracks.tolist()
