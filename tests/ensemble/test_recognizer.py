"""The whole road, on toys: stretches, executors, members left out, contributions, and clips that lack something."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from ensemble.mapping import normalise
from ensemble.perception import Perception
from ensemble.plan import grid_of
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from ensemble.tracks import NOBODY
from modalities.grid import cut
from modalities.types import SECOND, Segment
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tuning.encodings import join, load_impression, save_impression

FILM = film()
LENGTHS = (SECOND * 7 // 10, SECOND * 37 // 10, None)
TIMELINES = {"frames": "frames", "papers": toys.PAPERS, "short": toys.SHORT}
RECOGNIZERS = {name: Recognizer(toys.plan(grid)) for name, grid in TIMELINES.items()}
MEMBERS = tuple(member.name for member in RECOGNIZERS["frames"].plan.members)
LISTED = tuple(
    Segment(round(start * SECOND), round(end * SECOND))
    for start, end in ((0, 6.5), (1.1, 2.3), (2.3, 2.5), (2, 9), (7.123457, 9.000001), (11, 14))
)


def run(recognizer, film, length=None, wishes=None):
    return Timeline.join(list(recognizer.stream(film.stretches(length), wishes)))


def rows_alike(one, other, tolerance):
    assert_alike(one.rows, other.rows, tolerance, "rows")
    assert one.verdict.segments == other.verdict.segments
    said = {task: np.where(mask, one.verdict.scores[task], 0) for task, mask in one.verdict.said.items()}
    others = {task: np.where(mask, other.verdict.scores[task], 0) for task, mask in other.verdict.said.items()}
    assert_alike(said, others, tolerance, "scores of segments")
    assert_alike(one.verdict.said, other.verdict.said)
    assert_alike(one.verdict.contributions, other.verdict.contributions, tolerance, "contributions")
    assert_alike(one.verdict.opinions.present, other.verdict.opinions.present)


# ------------------------------------------------------------------------------------------------- however it is run


@pytest.mark.parametrize("timeline", list(TIMELINES))
@pytest.mark.parametrize("all_tracks", [False, True])
def test_the_length_of_stretches_does_not_matter(timeline, all_tracks):
    recognizer, wishes = RECOGNIZERS[timeline], Wishes(all_tracks=all_tracks)
    whole = run(recognizer, FILM, None, wishes)
    for length in LENGTHS[:2]:
        rows_alike(whole, run(recognizer, FILM, length, wishes), 1e-6)


@pytest.mark.parametrize("timeline", list(TIMELINES))
def test_in_bulk_it_is_the_same(timeline, tmp_path):
    recognizer = RECOGNIZERS[timeline]
    for length in LENGTHS[1:]:
        impression = join(list(Perception(recognizer.plan).run(FILM.stretches(length))))
        save_impression(impression, tmp_path / "clip.npz")
        (piece,) = recognizer.combine([load_impression(tmp_path / "clip.npz")])
        rows_alike(run(recognizer, FILM, LENGTHS[0]), piece, 1e-5)


@pytest.mark.parametrize("timeline", list(TIMELINES))
def test_rows_are_final_when_they_are_handed_out(timeline):
    """What was handed out before later footage came is what the whole clip says; and it comes before the end."""
    recognizer = RECOGNIZERS[timeline]
    whole = run(recognizer, FILM)
    late, done = [], 0
    for piece in recognizer.stream(FILM.stretches(SECOND)):
        count = len(piece.rows.times)
        rest = {task: values[done : done + count] for task, values in whole.rows.scores.items()}
        assert (piece.rows.times == whole.rows.times[done : done + count]).all()
        assert_alike(piece.rows.scores, rest, 1e-6)
        done += count
        late.append(piece.end - int(whole.rows.times[done - 1] if done else 0))
    assert done == len(whole.rows.times)
    longest = 4 * SECOND + max(end - start for start, end in whole.speech.spans.tolist())
    assert max(late) <= 2 * longest


def test_a_stream_does_not_wait_for_the_clip_to_end():
    taken = []

    def footages():
        for footage in FILM.stretches(SECOND):
            taken.append(footage.end)
            yield footage

    stream = RECOGNIZERS["frames"].stream(footages())
    next(stream)
    assert taken == [SECOND]


def test_the_timeline_has_a_row_for_every_video_frame():
    for recognizer in RECOGNIZERS.values():
        timeline = run(recognizer, FILM, SECOND)
        assert timeline.rows.times.tolist() == FILM.times.tolist()
        assert timeline.members == MEMBERS
        assert (timeline.start, timeline.end) == (0, FILM.end)
        spans = {(segment.start, segment.end) for segment in timeline.verdict.segments}
        assert spans == set(cut(FILM.end, recognizer.plan.grid))


def test_scores_come_from_every_member_and_fit_their_kind():
    timeline = run(RECOGNIZERS["frames"], FILM)
    verdict = timeline.verdict
    assert verdict.opinions.present.any(axis=1).all()
    assert not verdict.opinions.present[MEMBERS.index("face.static")].all()
    said = verdict.said["expression"].any(axis=1)
    assert np.allclose(verdict.scores["expression"][said].sum(axis=1), 1, atol=1e-5)
    shares = timeline.rows.compound_probability
    known = ~np.isnan(shares).any(axis=1)
    assert known.mean() > 0.9
    assert np.allclose(shares[known].sum(axis=1), 1, atol=1e-5)
    seven = verdict.opinions.said["expression"][MEMBERS.index("text.mean")]
    assert not seven[:, -1].any(), "the member that does not know Other never says it"
    assert seven[:, :-1].any()


# ---------------------------------------------------------------------------------------------------- whom it is about


def test_rows_follow_the_primary_track():
    rows = run(RECOGNIZERS["frames"], FILM).rows
    gone = FILM.end * 4 // 10
    last_box = FILM.times[FILM.times < gone].max()
    assert (rows.tracks[rows.times < gone] == 0).all()
    after = (rows.times > last_box + 1_250_000) & (rows.times < gone + 2 * SECOND)
    assert (rows.tracks[after] == 1).all(), "after a second without a box, whoever else is in view"
    assert set(rows.tracks.tolist()) == {0, 1}


def test_all_tracks_adds_rows_and_changes_none():
    for recognizer in RECOGNIZERS.values():
        primary = run(recognizer, FILM, SECOND).rows
        everyone = run(recognizer, FILM, SECOND, Wishes(all_tracks=True)).rows
        assert len(everyone.times) > len(primary.times)
        table = set(zip(everyone.times.tolist(), everyone.tracks.tolist(), strict=True))
        assert len(table) == len(everyone.times)
        first = np.flatnonzero(np.diff(everyone.times, prepend=-1) > 0)
        assert (everyone.tracks[first] == primary.tracks).all(), "the primary one comes first"
        assert_alike({t: v[first] for t, v in everyone.scores.items()}, dict(primary.scores), 1e-6)
        assert {track for _, track in table} == {0, 1}


def test_nobody_in_view_leaves_the_clip_alone():
    timeline = run(RECOGNIZERS["frames"], film(people=0))
    assert (timeline.rows.tracks == NOBODY).all()
    faces = [row for row, name in enumerate(MEMBERS) if name.startswith("face")]
    assert not timeline.verdict.opinions.present[faces].any()
    heard = ~np.isnan(timeline.rows.scores["expression"]).any(axis=1)
    assert heard.mean() > 0.9
    assert all(segment.track is None for segment in timeline.verdict.segments)


def test_a_silent_clip_is_judged_by_faces():
    timeline = run(RECOGNIZERS["papers"], film(sound=False))
    for row, name in enumerate(MEMBERS):
        assert timeline.verdict.opinions.present[row].any() == name.startswith("face")
    assert timeline.speech.spans.shape == (0, 2)
    assert not np.isnan(timeline.rows.scores["compound"]).any()


@pytest.mark.parametrize("seconds", [0.05, 0.9, 12.3])
def test_where_nobody_says_anything_rows_have_no_scores(seconds):
    blank = film(seconds, people=0, sound=False)
    for recognizer in RECOGNIZERS.values():
        timeline = run(recognizer, blank, SECOND)
        assert timeline.rows.times.tolist() == blank.times.tolist()
        assert all(np.isnan(values).all() for values in timeline.rows.scores.values())
        assert np.isnan(timeline.rows.compound_probability).all()
        assert not any(said.any() for said in timeline.verdict.said.values())
        assert all(np.isfinite(values).all() for values in timeline.verdict.scores.values())


def test_a_clip_without_video_frames_has_the_rows_that_footage_asks_for():
    heard = replace(film(people=0), times=np.arange(0, 12_300_000, 40_000), images=())
    heard = replace(heard, images=tuple(np.zeros((2, 2, 3), np.uint8) for _ in heard.times))
    footages = [
        replace(f, frames=replace(f.frames, times=f.frames.times[:0], images=())) for f in heard.stretches(SECOND)
    ]
    timeline = Timeline.join(list(RECOGNIZERS["frames"].stream(footages)))
    assert timeline.rows.times.tolist() == heard.times.tolist()
    assert not np.isnan(timeline.rows.scores["expression"]).all()


def test_rows_outside_every_segment_are_empty():
    film = replace(FILM, segments=(Segment(2 * SECOND, 3 * SECOND), Segment(5 * SECOND, 6 * SECOND)))
    rows = run(RECOGNIZERS["papers"], film, SECOND).rows
    inside = ((rows.times >= 2 * SECOND) & (rows.times < 3 * SECOND)) | (
        (rows.times >= 5 * SECOND) & (rows.times < 6 * SECOND)
    )
    assert np.isnan(rows.scores["compound"][~inside]).all()
    assert not np.isnan(rows.scores["compound"][inside]).any()


def test_listed_segments_are_judged_instead_of_the_grid():
    film = replace(FILM, segments=LISTED)
    for recognizer in RECOGNIZERS.values():
        whole = run(recognizer, film)
        assert {(s.start, s.end) for s in whole.verdict.segments} == {(s.start, s.end) for s in LISTED}
        for length in LENGTHS[:2]:
            rows_alike(whole, run(recognizer, film, length), 1e-6)
    equal = [row for row, segment in enumerate(whole.verdict.segments) if segment.track is not None]
    assert whole.verdict.opinions.present[MEMBERS.index("face.static"), equal].all()


# -------------------------------------------------------------------------------------------------- members left out


@pytest.fixture(scope="module")
def impression():
    return join(list(Perception(RECOGNIZERS["frames"].plan).run(FILM.stretches(None))))


@pytest.mark.parametrize("size", range(1, len(MEMBERS)))
def test_any_members_may_be_left_out(impression, size):
    recognizer = RECOGNIZERS["papers"]
    for without in combinations(MEMBERS, size):
        (piece,) = recognizer.combine([impression], Wishes(without=frozenset(without)))
        present = piece.verdict.opinions.present
        assert not present[[MEMBERS.index(name) for name in without]].any()
        assert (piece.verdict.said["expression"].any(axis=1) == present.any(axis=0)).all()
        assert present.any()
        assert not piece.verdict.contributions[[MEMBERS.index(name) for name in without]].any()


def test_leaving_everybody_out_is_refused(impression):
    recognizer = RECOGNIZERS["papers"]
    with pytest.raises(ValueError, match="every member was left out"):
        next(recognizer.combine([impression], Wishes(without=frozenset(MEMBERS))))
    with pytest.raises(ValueError, match=r"there is no member face\.stern"):
        next(recognizer.combine([impression], Wishes(without=frozenset({"face.stern"}))))


@pytest.mark.parametrize("timeline", list(TIMELINES))
def test_a_contribution_is_what_is_missing_without_the_member(impression, timeline):
    recognizer = RECOGNIZERS[timeline]
    (whole,) = recognizer.combine([impression])
    shares = normalise(whole.verdict.scores["compound"], whole.verdict.said["compound"])
    for row, member in enumerate(MEMBERS):
        (piece,) = recognizer.combine([impression], Wishes(without=frozenset({member})))
        rest = normalise(piece.verdict.scores["compound"], piece.verdict.said["compound"])
        assert np.allclose(whole.verdict.contributions[row], shares - rest, atol=1e-6)
        assert np.abs(whole.verdict.contributions[row]).max() > 1e-4


def test_the_only_one_who_is_present_contributes_what_it_adds_to_a_guess(impression):
    others = frozenset(MEMBERS) - {"audio.mean"}
    (piece,) = RECOGNIZERS["papers"].combine([impression], Wishes(without=others))
    row = MEMBERS.index("audio.mean")
    present = piece.verdict.opinions.present[row]
    shares = normalise(piece.verdict.scores["compound"], piece.verdict.said["compound"])
    assert np.allclose(piece.verdict.contributions[row][present], shares[present] - 1 / 7, atol=1e-6)
    assert present.any()
    assert not piece.verdict.contributions[row][~present].any()


def test_grids_are_told_by_name_or_by_numbers():
    assert RECOGNIZERS["frames"].plan.grid == grid_of("frames")
    assert {member.grid.duration for member in RECOGNIZERS["frames"].plan.members} == {0.2, 2, 4}
