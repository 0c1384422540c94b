"""Metrics of the ABAW challenges, as pure functions of arrays.

Conventions: one row per labelled frame, pooled over all clips. Class metrics are computed over an explicit label set
(never over what happens to appear, which shifts macro-F1 by 7/8 where "Other" is missing). A row that nobody predicts
is −1 (classes) or NaN (values): it counts as wrong, not as left out. Truth that is NaN is left out, column by column,
and a column without any has no score (None): valence without arousal, or some action units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modalities.types import Array, Scores


def confusion(truth: Array, prediction: Array, classes: int) -> Array:
    """Count rows [C, C + 1]: truth by prediction; the last column holds those not predicted."""
    table = np.zeros((classes, classes + 1), np.int64)
    np.add.at(table, (truth, np.where(prediction < 0, classes, prediction)), 1)
    return table


def f1_scores(truth: Array, prediction: Array, classes: int) -> Array:
    """F1 of each class [C]; zero for a class that neither occurs nor is predicted."""
    counts = confusion(truth, prediction, classes)
    hits = np.diag(counts[:, :classes])
    total = counts.sum(axis=1) + counts[:, :classes].sum(axis=0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), 0.0)


def macro_f1(truth: Array, prediction: Array, classes: int) -> float:
    """Mean F1 over all classes (EXPR: 8, CE: 7)."""
    return float(f1_scores(truth, prediction, classes).mean())


def uar(truth: Array, prediction: Array, classes: int) -> float:
    """Unweighted average recall over the classes that occur in the truth."""
    counts = confusion(truth, prediction, classes)
    occurs = counts.sum(axis=1)
    recalls = np.diag(counts[:, :classes])[occurs > 0] / occurs[occurs > 0]
    return float(recalls.mean()) if len(recalls) else 0.0


def ccc(truth: Scores, prediction: Scores) -> float:
    """Concordance correlation of two series over all rows; a row that nobody predicts counts as zero (neutral)."""
    x, y = truth.astype(np.float64), np.nan_to_num(prediction.astype(np.float64))
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else 0.0


def ccc_scores(truth: Scores, prediction: Scores) -> list[float | None]:
    """CCC of each column, over the rows that are labelled in it."""
    known = ~np.isnan(truth)
    columns = range(truth.shape[1])
    return [ccc(truth[known[:, i], i], prediction[known[:, i], i]) if known[:, i].any() else None for i in columns]


def mean_ccc(truth: Scores, prediction: Scores) -> float:
    """Mean of the concordance of valence and arousal: P of the VA challenge; 0 where neither is labelled."""
    return mean_known(ccc_scores(truth, prediction)) or 0.0


def binary_f1_scores(truth: Scores, prediction: Scores) -> list[float | None]:
    """F1 of "active" at 0.5 of each action unit, over the rows that are labelled with it."""
    scores: list[float | None] = []
    for unit in range(truth.shape[1]):
        known = ~np.isnan(truth[:, unit])
        if not known.any():
            scores.append(None)
            continue
        active = truth[known, unit] >= 0.5
        said = np.nan_to_num(prediction[known, unit]) >= 0.5
        total = active.sum() + said.sum()
        scores.append(2 * float((active & said).sum()) / float(total) if total else 0.0)
    return scores


def binary_f1(truth: Scores, prediction: Scores) -> float:
    """Mean F1 over action units: P of the AU challenge; 0 where none is labelled."""
    return mean_known(binary_f1_scores(truth, prediction)) or 0.0


def mean_known(scores: Sequence[float | None]) -> float | None:
    """Mean of the scores that there are; None where there is none."""
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if known else None


def calibration_error(truth: Array, scores: Scores, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): how far confidence and accuracy lie apart, over equal bins.

    Scores [F, C] are divided by their sum, for compound scores are no distribution; NaN counts as zero.
    """
    if not len(truth):
        return 0.0
    shares = np.nan_to_num(scores)
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = [abs(confidence[place == b].sum() - right[place == b].sum()) for b in np.unique(place)]
    return float(sum(gaps) / len(truth))


def bootstrap(clips: Array, metric: object, *arrays: Array, draws: int = 200, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of `metric(*arrays)` when whole clips are drawn with replacement."""
    if not callable(metric):
        raise TypeError("metric must be a function of the arrays")
    names = np.unique(clips)
    if not len(names):
        return float("nan"), float("nan")
    rows = {name: np.flatnonzero(clips == name) for name in names}
    rng = np.random.default_rng(seed)
    values: list[float] = []
    for _ in range(draws):
        index = np.concatenate([rows[name] for name in rng.choice(names, len(names))])
        values.append(metric(*(array[index] for array in arrays)))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
