"""Smoothing of rows: against a slow loop, in pieces of any size, and on the whole road."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.bundle import load, save
from ensemble.mapping import normalise
from ensemble.perception import Perception
from ensemble.recognizer import Recognizer, Wishes
from ensemble.smoothing import Smoother, Smoothing, smooth
from ensemble.timeline import Draft, Timeline
from ensemble.tracks import NOBODY
from modalities.config import Choice, Uniform
from modalities.labels import tasks
from modalities.types import FOREVER, SECOND
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tuning.encodings import join
from tuning.space import declared

TASKS = tasks()
MEMBERS = 3
FILM = film()
LENGTHS = (SECOND * 7 // 10, SECOND * 37 // 10, None)
WINDOWS = (Smoothing(window="box", width=0.9), Smoothing(window="gaussian", width=0.4))
OFF = Smoothing()


def drawn(frames=300, seed=0):
    """Rows at irregular times: one track or nobody, now and then a second track beside, some scores unsaid."""
    rng = np.random.default_rng(seed)
    times, tracks = [], []
    for time in np.cumsum(rng.choice([16_667, 33_367, 50_050, 400_000], size=frames)).tolist():
        first = int(rng.choice([NOBODY, 0, 0, 0, 1]))
        also = [2] if rng.random() < 0.4 else []
        times += [time] * (1 + len(also))
        tracks += [first, *also]
    rows = len(times)
    scores = {name: rng.random((rows, len(task.labels))).astype(np.float32) for name, task in TASKS.items()}
    contributions = rng.normal(size=(rows, MEMBERS, len(TASKS["compound"].labels))).astype(np.float32)
    for values in scores.values():
        values[rng.random(values.shape) < 0.2] = np.nan
        values[::9] = np.nan
    contributions[np.isnan(scores["compound"])[:, None, :].repeat(MEMBERS, 1)] = np.nan
    return Draft(np.array(times), np.array(tracks), scores, contributions)


def slow_weight(smoothing, apart):
    """How much a row so many seconds away counts."""
    if smoothing.window == "box":
        return float(abs(apart) <= smoothing.width / 2)
    sigma = smoothing.width / 2
    return np.exp(-(apart**2) / (2 * sigma**2)) if abs(apart) <= 4 * sigma else 0.0


def slowly(draft, values, smoothing):
    """The obvious loop over rows [F, …], cell by cell."""
    result = np.full(values.shape, np.nan)
    for row, cell in np.ndindex(len(values), values[0].size):
        if np.isnan(values[row].flat[cell]):
            continue
        total = weight = 0.0
        for other in np.flatnonzero(draft.tracks == draft.tracks[row]):
            share = slow_weight(smoothing, (draft.times[other] - draft.times[row]) / SECOND)
            if share and not np.isnan(values[other].flat[cell]):
                total, weight = total + share * float(values[other].flat[cell]), weight + share
        result[row].flat[cell] = total / weight
    return result


def parts(draft, sizes):
    """The rows as they come: pieces with the time before which nothing more comes."""
    edges = np.unique(draft.times)[np.cumsum(sizes, dtype=np.int64)]
    firsts = [0, *np.searchsorted(draft.times, edges).tolist(), len(draft.times)]
    untils = [*edges.tolist(), FOREVER]
    for first, last, until in zip(firsts[:-1], firsts[1:], untils, strict=True):
        yield draft.take(slice(first, last)), until


def run(recognizer, length=None, **wishes):
    return Timeline.join(list(recognizer.stream(FILM.stretches(length), Wishes(**wishes))))


def recogniser(smoothing, timeline="frames"):
    return Recognizer(toys.plan(timeline, smoothing=smoothing))


# ---------------------------------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize("smoothing", WINDOWS, ids=lambda one: one.window)
def test_it_is_the_slow_loop(smoothing):
    draft = drawn(120)
    found = smooth(draft, slice(None), smoothing)
    for task, values in draft.scores.items():
        np.testing.assert_allclose(found.scores[task], slowly(draft, values, smoothing), atol=1e-6, equal_nan=True)
    expected = slowly(draft, draft.contributions, smoothing)
    np.testing.assert_allclose(found.contributions, expected, atol=1e-6, equal_nan=True)
    assert not np.allclose(found.scores["expression"], draft.scores["expression"], atol=0.1, equal_nan=True)


@pytest.mark.parametrize("smoothing", WINDOWS, ids=lambda one: one.window)
@pytest.mark.parametrize("sizes", [[1] * 250, [7, 0, 90, 3, 100], []], ids=["one by one", "uneven", "at once"])
def test_pieces_make_the_whole(smoothing, sizes):
    draft, smoother = drawn(), Smoother(smoothing)
    found = Draft.join([smoother.add(piece, until) for piece, until in parts(draft, sizes)])
    assert_alike(found, smooth(draft, slice(None), smoothing), 1e-6)


def test_more_rows_than_a_block():
    draft = drawn(1500)
    whole = smooth(draft, slice(None), WINDOWS[0])
    some = smooth(draft, slice(700, 720), WINDOWS[0])
    assert_alike(some, whole.take(slice(700, 720)), 1e-6)


def test_a_row_waits_for_its_reach_and_no_longer():
    draft, smoother, reach, done = drawn(), Smoother(WINDOWS[0]), WINDOWS[0].reach, 0
    for piece, until in parts(draft, [10] * 29):
        done += len(smoother.add(piece, until).times)
        assert done == (draft.times < until - reach).sum()
        held = vars(smoother)["_held"].times
        assert (held >= until - 2 * reach).all(), "what is out of reach of all that waits is let go of"


def test_tracks_do_not_meet():
    draft = drawn()
    theirs = np.where((draft.tracks == 2)[:, None], np.float32(9), draft.scores["expression"])
    other = replace(draft, scores={**draft.scores, "expression": theirs.astype(np.float32)})
    one, two = (smooth(rows, slice(None), WINDOWS[1]) for rows in (draft, other))
    mine = draft.tracks != 2
    assert np.array_equal(one.scores["expression"][mine], two.scores["expression"][mine], equal_nan=True)
    assert (two.scores["expression"][~mine] == 9).all()


def test_the_winner_is_chosen_afterwards():
    """A single frame that says something else is outvoted, and shows contributions to what wins."""
    rows = 5
    compound = np.tile(np.float32([0.9, 0.1]), (rows, 1))
    compound[2] = 0.2, 0.8
    contributions = np.arange(rows * MEMBERS * 2, dtype=np.float32).reshape(rows, MEMBERS, 2)
    draft = Draft(np.arange(rows) * 40_000, np.zeros(rows, np.int64), {"compound": compound}, contributions)
    found = smooth(draft, slice(None), Smoothing(window="box", width=1)).settle()
    assert found.scores["compound"].argmax(axis=1).tolist() == [0] * rows
    np.testing.assert_allclose(found.contributions, np.tile(contributions[..., 0].mean(axis=0), (rows, 1)))


@pytest.mark.parametrize("wrong", [{"window": "triangle"}, {"width": 0}, {"width": -1}, {"frames": 10}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        Smoothing(**wrong)


def test_a_search_may_vary_it():
    found = {name: one for name, one in declared(toys.settings()).items() if name.startswith("smoothing.")}
    assert found["smoothing.window"] == Choice(("none", "box", "gaussian"))
    assert found["smoothing.width"] == Uniform(0.1, 10.0, log=True)


# ----------------------------------------------------------------------------------------------------- the whole road


@pytest.mark.parametrize("timeline", ["frames", toys.PAPERS], ids=["frames", "papers"])
@pytest.mark.parametrize("smoothing", WINDOWS, ids=lambda one: one.window)
@pytest.mark.parametrize("all_tracks", [False, True])
def test_the_length_of_stretches_does_not_matter(timeline, smoothing, all_tracks):
    recognizer = recogniser(smoothing, timeline)
    whole = run(recognizer, all_tracks=all_tracks)
    for length in LENGTHS[:2]:
        assert_alike(whole.rows, run(recognizer, length, all_tracks=all_tracks).rows, 1e-6)


@pytest.mark.parametrize("smoothing", WINDOWS, ids=lambda one: one.window)
def test_rows_are_the_plain_ones_smoothed(smoothing):
    """Of all tracks: so the primary one says the same, whether the others are shown or not."""
    plain, smoothed = run(recogniser(OFF), all_tracks=True), run(recogniser(smoothing), all_tracks=True)
    assert set(np.unique(plain.rows.tracks)) == {0, 1}
    draft = Draft(plain.rows.times, plain.rows.tracks, plain.rows.scores, plain.rows.contributions[:, :, None])
    for task in ("compound", "valence_arousal"):
        expected = slowly(draft, plain.rows.scores[task], smoothing)
        np.testing.assert_allclose(smoothed.rows.scores[task], expected, atol=1e-5, equal_nan=True)
    shown = run(recogniser(smoothing)).rows
    assert shown.times.tolist() == FILM.times.tolist()
    _, firsts = np.unique(smoothed.rows.times, return_index=True)
    for task, values in smoothed.rows.scores.items():
        np.testing.assert_allclose(shown.scores[task], values[firsts], atol=1e-6, equal_nan=True)
    assert_alike(plain.verdict.scores, smoothed.verdict.scores, why="segments are not smoothed")


def test_in_bulk_it_is_the_same():
    recognizer = recogniser(WINDOWS[0])
    impression = join(list(Perception(recognizer.plan).run(FILM.stretches(SECOND))))
    (piece,) = recognizer.combine([impression])
    assert_alike(run(recognizer, SECOND).rows, piece.rows, 1e-5)


def test_contributions_still_explain_the_winner():
    """Who alone is there contributes what the winner has above chance; smoothing does not change that."""
    recognizer = recogniser(WINDOWS[1])
    names = [member.name for member in recognizer.plan.members]
    alone = run(recognizer, without=frozenset(names) - {"audio.mean"}).rows
    said = ~np.isnan(alone.scores["compound"]).all(axis=1)
    probability = normalise(np.nan_to_num(alone.scores["compound"]), ~np.isnan(alone.scores["compound"])).max(axis=1)
    column = alone.contributions[:, names.index("audio.mean")]
    np.testing.assert_allclose(column[said], probability[said] - 1 / 7, atol=1e-5)


def test_a_bundle_keeps_it(tmp_path):
    recognizer = recogniser(WINDOWS[0])
    save(recognizer.plan, tmp_path / "bundle")
    with load(tmp_path / "bundle") as again:
        assert again.plan.settings.smoothing == WINDOWS[0]
        assert_alike(run(recognizer).rows, run(again).rows, 1e-6)
