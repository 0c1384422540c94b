"""Judging candidate weights: the same figures as scikit-learn's on the same fused scores."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from ensemble.fusion import weigh
from tuning import metrics
from tuning.search.weights.judge import MEASURES, Judge
from tuning.search.weights.votes import Votes

KINDS = tuple(MEASURES)
LATTICE = 2**-10


def votes(kind="distribution", *, segments=300, members=4, labels=5, presence=1.0, seed=0):
    """Scores on a binary lattice, so that float32 sums are exact in any order."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-1024 if kind == "continuous" else 0, 1025, (members, segments, labels)) * LATTICE
    said = np.broadcast_to(rng.random((members, segments, 1)) < presence, scores.shape).copy()
    said[0, :, labels - 1] = presence == 1  # a member that does not speak a class
    truth = np.eye(labels)[rng.integers(labels, size=segments)]
    if kind != "distribution":
        truth = rng.random((segments, labels)) if kind == "continuous" else rng.random((segments, labels)) < 0.3
        truth = np.where(rng.random((segments, labels)) < 0.2, np.nan, truth)
    clips = np.arange(segments) // 10
    return Votes(kind, scores.astype(np.float32), said, truth.astype(np.float32), clips, clips % 2)


def candidates(some, count=20, seed=1):
    """Columns that sum to one on the lattice, a few of them with a member left out."""
    members, _, labels = some.scores.shape
    rng = np.random.default_rng(seed)
    return rng.multinomial(1024, np.eye(members)[0] * 0.1 + 0.9 / members, (count, labels)).transpose(0, 2, 1) * LATTICE


def fuse(some, weights):
    given = (torch.from_numpy(value) for value in (weights[:, None].astype(np.float32), some.scores, some.said))
    return weigh(*given, some.kind).numpy()


@pytest.mark.parametrize("presence", [1.0, 0.6])
@pytest.mark.parametrize("size", [{"segments": 300}, {"segments": 6000, "seed": 2}])
def test_classes_are_judged_as_scikit_learn_does(presence, size):
    some = votes(presence=presence, **size)
    weights = candidates(some, 70)
    f1, uar = (Judge(some, measure)(weights) for measure in ("macro_f1", "uar"))
    truth, heard = some.truth.argmax(1), some.said.any((0, 2))
    for number in (0, 1, 35, 69):
        told = np.where(heard, fuse(some, weights[number]).argmax(1), -1)
        settings = {"labels": range(5), "average": "macro", "zero_division": 0}
        assert f1[number] == pytest.approx(f1_score(truth, told, **settings), abs=1e-9)
        assert uar[number] == pytest.approx(recall_score(truth, told, **settings), abs=1e-9)


@pytest.mark.parametrize("presence", [1.0, 0.6])
@pytest.mark.parametrize(("kind", "metric"), [("independent", metrics.binary_f1), ("continuous", metrics.mean_ccc)])
def test_columns_are_judged_as_the_metrics_do(kind, metric, presence):
    some = votes(kind, presence=presence, segments=1500)
    weights = candidates(some, 70)
    expected = [metric(some.truth, fuse(some, matrix)) for matrix in weights[::10]]
    assert Judge(some)(weights)[::10] == pytest.approx(expected, abs=1e-9)


def test_a_column_without_truth_does_not_count():
    some = votes("continuous")
    some.truth[:, 2] = np.nan
    weights = candidates(some)
    expected = [metrics.mean_ccc(some.truth, fuse(some, matrix)) for matrix in weights]
    assert Judge(some)(weights) == pytest.approx(expected, abs=1e-9)
    assert (Judge(some).parts(weights)[:, 2] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_corpora_count_the_same(kind):
    some = votes(kind)
    some = some.take(np.flatnonzero((some.corpora == 0) | (some.clips < 8)))
    weights = candidates(some)
    alone = [Judge(some.take(some.corpora == corpus))(weights) for corpus in (0, 1)]
    assert Judge(some, per_corpus=True)(weights) == pytest.approx(np.mean(alone, axis=0), abs=1e-12)
    assert np.abs(Judge(some)(weights) - np.mean(alone, axis=0)).max() > 1e-4


def test_of_equal_classes_the_first_wins():
    some = votes()
    some = replace(some, scores=np.eye(5, dtype=np.float32)[some.scores.argmax(2)])  # members that vote
    weights = np.full((3, 4, 5), 0.25)
    told = fuse(some, weights[0]).argmax(1)
    first, second = np.sort(fuse(some, weights[0]), axis=1).T[[-1, -2]]
    assert (first == second).mean() > 0.2
    assert Judge(some)(weights) == pytest.approx(metrics.macro_f1(some.truth.argmax(1), told, 5), abs=1e-12)


def test_rows_without_a_sure_class_are_left_out():
    some, weights = votes(), candidates(votes())
    blurred = some.truth.copy()
    blurred[:50] = 0.5 * some.truth[:50] + 0.5 * np.roll(some.truth[:50], 1, axis=1)
    blurred[50:60] = np.nan
    known = replace(some, truth=np.where(blurred == 1, np.float32(0.9), blurred))
    assert Judge(known)(weights) == pytest.approx(Judge(some.take(np.arange(60, 300)))(weights), abs=1e-12)


def test_a_row_that_nobody_speaks_about_is_wrong():
    some = votes()
    some.said[:, :100] = False
    weights = candidates(some)
    truth, told = some.truth.argmax(1), fuse(some, weights[0]).argmax(1)
    told[:100] = -1
    assert Judge(some)(weights)[0] == pytest.approx(metrics.macro_f1(truth, told, 5), abs=1e-12)


def test_some_classes_alone():
    some, weights = votes(), candidates(votes())
    expected = metrics.f1_scores(some.truth.argmax(1), fuse(some, weights[3]).argmax(1), 5)[[1, 4]].mean()
    assert Judge(some, classes=(1, 4))(weights)[3] == pytest.approx(expected, abs=1e-12)


def test_a_column_keeps_its_sum():
    """The second level of the SUN paper's search favours classes whose trusted members are trusted."""
    some, weights = votes(presence=0.6), candidates(votes())
    scale = np.array([1, 1, 1, 1, 8.0])
    told = (fuse(some, weights[0]) * scale).argmax(1)
    heard = some.said.any((0, 2))
    expected = metrics.macro_f1(some.truth.argmax(1), np.where(heard, told, -1), 5)
    assert Judge(some)(weights[:1] * scale)[0] == pytest.approx(expected, abs=1e-12)


def test_nothing_known_is_worth_nothing():
    some = votes()
    some.truth[:] = np.nan
    assert (Judge(some)(candidates(some)) == 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda some: Judge(some, "mean_ccc"), "mean_ccc does not judge a distribution task; macro_f1 or uar does"),
        (lambda some: Judge(some)(np.ones((2, 3, 5))), r"candidates are matrices \[N, 4, 5\]"),
        (lambda some: replace(some, clips=some.clips[:-1]), r"clips \[S\]"),
        (lambda some: replace(some, scores=some.scores * np.nan), "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong(votes())


def test_clips_are_drawn_whole():
    some = votes()
    drawn = some.draw(np.random.default_rng(0))
    numbers, counts = np.unique(drawn.clips, return_counts=True)
    assert len(drawn.clips) == len(some.clips)
    assert 10 < len(numbers) < 30
    assert (counts % 10 == 0).all()
