"""Metrics against scikit-learn on random input, with explicit labels; and what is absent."""

import numpy as np
import pytest
from sklearn import metrics as sk

from tuning import metrics

CLASSES = 8


def drawn(seed, used=CLASSES, absent=0.0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, used, 300)
    said = np.where(rng.random(300) < 0.5, truth, rng.integers(0, used, 300))
    return truth, np.where(rng.random(300) < absent, -1, said)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("used", [8, 7, 2])
@pytest.mark.parametrize("absent", [0.0, 0.3])
def test_f1_is_that_of_scikit_learn_over_all_labels(seed, used, absent):
    truth, said = drawn(seed, used, absent)
    expected = sk.f1_score(truth, said, labels=range(CLASSES), average=None, zero_division=0)
    assert np.allclose(metrics.f1_scores(truth, said, CLASSES), expected)
    assert metrics.macro_f1(truth, said, CLASSES) == pytest.approx(expected.mean())


@pytest.mark.parametrize("absent", [0.0, 0.3])
def test_uar_is_the_mean_recall_of_classes_that_occur(absent):
    truth, said = drawn(0, 7, absent)
    expected = sk.recall_score(truth, said, labels=range(7), average="macro", zero_division=0)
    assert metrics.uar(truth, said, CLASSES) == pytest.approx(expected)


def test_confusion_counts_absence_apart():
    truth, said = drawn(0, absent=0.2)
    table = metrics.confusion(truth, said, CLASSES)
    assert table.shape == (CLASSES, CLASSES + 1)
    assert (table[:, :CLASSES] == sk.confusion_matrix(truth[said >= 0], said[said >= 0], labels=range(CLASSES))).all()
    assert table[:, CLASSES].sum() == (said < 0).sum()


def test_an_absent_prediction_is_wrong_and_not_left_out():
    truth = np.array([0, 0, 1, 1])
    present, silent = np.array([0, 0, 1, 1]), np.array([0, -1, 1, -1])
    assert metrics.macro_f1(truth, present, 2) == 1
    assert metrics.macro_f1(truth, silent, 2) == pytest.approx(2 / 3)
    assert metrics.uar(truth, silent, 2) == 0.5
    assert metrics.macro_f1(truth, np.full(4, -1), 2) == 0


def test_a_class_that_is_missing_counts_as_zero():
    truth = said = np.arange(7)
    assert metrics.macro_f1(truth, said, 8) == pytest.approx(7 / 8)


def test_nothing_at_all_is_zero():
    none = np.zeros(0, np.int64)
    assert metrics.macro_f1(none, none, 8) == 0
    assert metrics.uar(none, none, 8) == 0


@pytest.mark.parametrize("seed", range(3))
def test_ccc_is_the_formula(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, 200)
    y = 0.6 * x + rng.normal(0, 0.2, 200) + 0.1
    pearson = np.corrcoef(x, y)[0, 1]
    expected = 2 * pearson * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert metrics.ccc(x, y) == pytest.approx(expected)
    assert metrics.ccc(x, x) == pytest.approx(1)
    assert metrics.ccc(x, -x) == pytest.approx(-1, abs=0.05)
    assert metrics.ccc(x, x + 1) < 0.5, "an offset costs, unlike in a correlation"
    assert metrics.mean_ccc(np.stack([x, x], 1), np.stack([y, x], 1)) == pytest.approx((expected + 1) / 2)


def test_ccc_of_what_nobody_predicts():
    x = np.linspace(-1, 1, 50)
    silent = np.where(np.arange(50) % 2, x, np.nan)
    assert metrics.ccc(x, silent) == pytest.approx(metrics.ccc(x, np.nan_to_num(silent)))
    assert metrics.ccc(x, silent) < 1
    assert metrics.ccc(np.zeros(5), np.zeros(5)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_binary_f1_is_that_of_scikit_learn_per_unit(seed):
    rng = np.random.default_rng(seed)
    truth, said = (rng.random((200, 12)) < 0.3).astype(np.float32), rng.random((200, 12)).astype(np.float32)
    expected = sk.f1_score(truth > 0.5, said >= 0.5, average="macro", zero_division=0)
    assert metrics.binary_f1(truth, said) == pytest.approx(expected)


def test_binary_f1_leaves_unlabelled_frames_out_and_counts_silence_as_wrong():
    truth = np.array([[1, 1], [0, np.nan], [1, 0]], np.float32)
    said = np.array([[0.9, 0.9], [0.1, 0.9], [0.8, 0.1]], np.float32)
    assert metrics.binary_f1(truth, said) == 1
    said[2, 0] = np.nan
    assert metrics.binary_f1(truth, said) == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.binary_f1(np.zeros((4, 1)), np.zeros((4, 1))) == 0


def test_a_column_is_scored_by_its_own_labels_and_without_any_not_at_all():
    rng = np.random.default_rng(0)
    truth, said = rng.uniform(-1, 1, (60, 2)), rng.uniform(-1, 1, (60, 2))
    truth[20:, 1] = np.nan
    valence, arousal = metrics.ccc(truth[:, 0], said[:, 0]), metrics.ccc(truth[:20, 1], said[:20, 1])
    assert metrics.ccc_scores(truth, said) == [valence, arousal]
    assert metrics.mean_ccc(truth, said) == pytest.approx((valence + arousal) / 2)
    truth[:, 1] = np.nan
    assert metrics.ccc_scores(truth, said) == [valence, None]
    assert metrics.mean_ccc(truth, said) == valence
    assert metrics.binary_f1_scores(np.array([[1, np.nan]]), np.array([[1.0, 1.0]])) == [1.0, None]
    assert metrics.binary_f1(np.array([[1, np.nan]]), np.array([[1.0, 1.0]])) == 1
    nothing = np.full((4, 2), np.nan)
    assert metrics.mean_ccc(nothing, nothing) == metrics.binary_f1(nothing, nothing) == 0


def test_an_interval_holds_the_point_and_shrinks_with_more_clips():
    def accuracy(truth, said):
        return float((truth == said).mean())

    widths = []
    for clips in (6, 60):
        rng = np.random.default_rng(clips)
        names = np.repeat(np.arange(clips), 10)
        truth = rng.integers(0, 2, len(names))
        hard = np.repeat(np.arange(clips) % 3 == 0, 10)
        said = np.where(hard, 1 - truth, truth)
        low, high = metrics.bootstrap(names, accuracy, truth, said)
        assert low <= accuracy(truth, said) <= high
        assert metrics.bootstrap(names, accuracy, truth, said) == (low, high), "the same every time"
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0]


def test_an_interval_draws_whole_clips():
    names, values = np.repeat(["a", "b"], [1, 99]), np.r_[1.0, np.zeros(99)]
    low, high = metrics.bootstrap(names, lambda v: float(v.mean()), values)
    assert (low, high) == (0.0, 1.0)
    with pytest.raises(TypeError, match="metric must be a function"):
        metrics.bootstrap(names, "f1", values)
