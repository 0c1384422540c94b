"""What a point is worth: the figures that an evaluation prints, and the papers' mean over corpora."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modalities.labels import ABAW_PAIRS, tasks
from tuning.evaluation.result import Judged, score
from tuning.search.trials.measures import measures

KNOWN = tasks(ABAW_PAIRS)


def judged(seed, rows=60):
    rng = np.random.default_rng(seed)
    truth, said = {}, {}
    for name, task in KNOWN.items():
        width = len(task.labels)
        if task.kind == "distribution":
            truth[name] = np.eye(width, dtype=np.float32)[rng.integers(width, size=rows)]
            said[name] = rng.dirichlet(np.ones(width), rows).astype(np.float32)
        else:
            truth[name] = rng.integers(2, size=(rows, width)).astype(np.float32)
            said[name] = rng.random((rows, width), dtype=np.float32)
    truth["compound"][::3] = np.nan
    truth["expression"][5:9] = np.nan
    said["expression"][20:24] = np.nan
    return Judged(np.arange(rows) // 6, truth, said)


def test_they_are_what_an_evaluation_prints():
    one = judged(0)
    values, result = measures(one, np.zeros(60, np.int64)), score("fused", one, KNOWN)
    assert values["macro_f1"] == pytest.approx(result.expression.f1_own)
    assert values["uar"] == pytest.approx(result.expression.uar)
    assert values["compound_f1"] == pytest.approx(result.compound.f1_own)
    assert values["va_ccc"] == pytest.approx(result.va_ccc)
    assert values["au_f1"] == pytest.approx(result.au_f1_mean)
    assert values["ece"] == pytest.approx(result.expression.ece)
    together = [values[name] for name in ("macro_f1", "compound_f1", "va_ccc", "au_f1")]
    assert values["tasks"] == pytest.approx(np.mean(together))


def test_the_average_counts_corpora_not_rows():
    first, second = judged(1, rows=48), judged(2, rows=12)
    both = Judged.join([first, second])
    corpora = np.repeat([0, 1], [48, 12])
    alone = [measures(one, np.zeros(len(one.clips), np.int64)) for one in (first, second)]
    expected = np.mean([(one["macro_f1"] + one["uar"]) / 2 for one in alone])
    assert measures(both, corpora)["average"] == pytest.approx(expected)
    assert measures(both, corpora)["average"] != pytest.approx(measures(both, np.zeros(60, np.int64))["average"])


def test_what_is_not_labelled_has_no_value():
    one = judged(3)
    for task in ("compound", "action_units"):
        one.truth[task][:] = np.nan
    values = measures(one, np.zeros(60, np.int64))
    assert math.isnan(values["compound_f1"])
    assert math.isnan(values["au_f1"])
    assert values["tasks"] == pytest.approx((values["macro_f1"] + values["va_ccc"]) / 2)


def test_leaving_out_who_alone_speaks_a_task_does_not_pay():
    """What is labelled and nobody speaks counts as wrong."""
    one, mute = judged(4), judged(4)
    for task, key in (("action_units", "au_f1"), ("compound", "compound_f1"), ("valence_arousal", "va_ccc")):
        mute.said[task][:] = np.nan
        said = measures(one, np.zeros(60, np.int64)) | {key: 0.0}
        silent = measures(mute, np.zeros(60, np.int64))
        assert silent[key] == 0.0
        assert silent["tasks"] == pytest.approx(
            np.mean([said[name] if name not in _silenced(mute) else 0.0 for name in _TASKS.values()])
        )


_TASKS = {"expression": "macro_f1", "compound": "compound_f1", "valence_arousal": "va_ccc", "action_units": "au_f1"}


def _silenced(one):
    return {key for task, key in _TASKS.items() if np.isnan(one.said[task]).all()}
