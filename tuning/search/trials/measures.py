"""What a point of an ensemble is worth: every objective, from what was said about labelled frames of dev."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from modalities.types import Array, Scores
from tuning import metrics
from tuning.evaluation.result import Judged, classes


def measures(judged: Judged, corpora: Array) -> dict[str, float]:
    """Return objective → value, NaN where dev has no label for it; `corpora` [F] says which corpus each row is of.

    A task that is labelled counts, also where nobody speaks it: leaving out who does must not pay.
    """
    expression = _told(judged, "expression", np.ones(len(corpora), np.bool_))
    compound = _told(judged, "compound", np.ones(len(corpora), np.bool_))
    values = {
        "macro_f1": expression[0],
        "uar": expression[1],
        "compound_f1": compound[0],
        "va_ccc": _columns(judged, "valence_arousal", metrics.ccc_scores),
        "au_f1": _columns(judged, "action_units", metrics.binary_f1_scores),
        "average": _mean([sum(_told(judged, "expression", corpora == one)) / 2 for one in np.unique(corpora)]),
        "ece": _ece(judged),
    }
    tasks = [values[name] for name in ("macro_f1", "compound_f1", "va_ccc", "au_f1")]
    return {"tasks": _mean(tasks), **values}


def _told(judged: Judged, task: str, rows: Array) -> tuple[float, float]:
    """Macro-F1 over the classes that occur, and UAR, of some rows; what nobody says is wrong, not left out."""
    kept, truth, guess = classes(judged.truth[task][rows], judged.said[task][rows])
    if not len(kept):
        return math.nan, math.nan
    count = judged.truth[task].shape[1]
    f1 = metrics.f1_scores(truth, guess, count)[np.unique(truth)].mean()
    return float(f1), metrics.uar(truth, guess, count)


def _columns(judged: Judged, task: str, metric: Callable[[Scores, Scores], list[float | None]]) -> float:
    truth, said = judged.truth[task], judged.said[task]
    if np.isnan(truth).all():
        return math.nan
    return _mean([math.nan if value is None else value for value in metric(truth, said)])


def _ece(judged: Judged) -> float:
    rows, truth, guess = classes(judged.truth["expression"], judged.said["expression"])
    here = guess >= 0
    if not here.any():
        return math.nan
    return metrics.calibration_error(truth[here], judged.said["expression"][rows][here])


def _mean(values: Sequence[float]) -> float:
    """Mean of the values that there are."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
