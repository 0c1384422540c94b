"""The best trials of a member once more, with other seeds: the best of many looks is partly luck.

A recipe's own values stay unless another point is better, over seeds and folds, by more than the standard error of the
difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import ray

from modalities.native import use_threads
from modalities.types import Array
from tuning.search.outcome import Outcome
from tuning.search.trials.member import MemberTask

FINALISTS = 3
"""Trials that are tried again, beside the recipe's own values."""


def confirm(task: MemberTask, outcome: Outcome, own: Mapping[str, Any], seeds: int) -> Outcome:
    """Return the outcome with the trial that wins when its best are fitted with so many other seeds. Needs Ray."""
    mine = next((trial for trial in outcome.judged if dict(trial.settings) == dict(own)), None)
    first = outcome.ranked()[:FINALISTS]
    finalists = (*first, *([mine] if mine is not None and mine not in first else []))
    if not seeds or len(finalists) < 2:
        return outcome
    claims = task.recipe.cluster.fit.options(cpus=1, gpus=0)
    work = ray.remote(max_retries=3, **claims)(_scores)
    asked = {trial.number: [work.remote(one, trial.settings) for one in _reseeded(task, seeds)] for trial in finalists}
    found = {number: np.concatenate(ray.get(parts)) for number, parts in asked.items()}
    best = max(found, key=lambda number: (found[number].mean(), -number))
    if mine is not None and not _surely(found[best] - found[mine.number]):
        best = mine.number
    return replace(outcome, chosen=best)


def _reseeded(task: MemberTask, count: int) -> Iterator[MemberTask]:
    for number in range(1, count + 1):
        yield replace(task, recipe=task.recipe.model_copy(update={"seed": task.recipe.seed + number}))


def _scores(task: MemberTask, point: Mapping[str, Any]) -> Array:
    """Fit to the end; returns the score of each fold, 0 of a fit that diverges."""
    use_threads(1)
    worker = task.open()
    worker.begin(point)
    try:
        while not worker.go_on()[1]:
            pass
    except FloatingPointError:
        return np.zeros(len(worker.scores))
    return np.array(worker.scores)


def _surely(gains: Array) -> bool:
    return bool(gains.mean() > gains.std() / np.sqrt(len(gains)))
