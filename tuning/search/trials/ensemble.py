"""Trials of the ensemble as a whole: fusion, mapping, smoothing and members, put together anew from what members said.

The members have been asked once. A trial fits the fusion and the mapping on some clips of dev and takes the one road
(`Recognizer.weigh`) over the others, so that a search compares exactly what the winner's bundle will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ensemble.perception import Impression
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from modalities.types import Array, Output
from tuning.encodings import EncodingCache
from tuning.evaluation.evaluate import judged_as
from tuning.evaluation.result import Judged
from tuning.fusing import Heard, fit_fusion, fit_mapping, hear
from tuning.members import Known
from tuning.recipe import Recipe
from tuning.search.point import laid_over
from tuning.search.settings import OBJECTIVES
from tuning.search.trials.costs import Costs
from tuning.search.trials.folds import folds, groups_of
from tuning.search.trials.measures import measures
from tuning.train import FUSION

VAST = 1e9
"""More than any error or cost."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A clip of dev, and what every member says about it."""

    known: Known
    impression: Impression
    outputs: Mapping[str, Output]


def ask(plan: Plan, clips: Sequence[Known], cache: EncodingCache) -> tuple[Asked, ...]:
    """Ask all members about clips; what they judged by is left behind."""
    recognizer, asked = Recognizer(plan), list[Asked]()
    for known in clips:
        impression = cache.load(known.clip)
        outputs = recognizer.judge(impression)
        asked.append(Asked(known, replace(impression, encodings={}), outputs))
    return tuple(asked)


def heard_by(plan: Plan, asked: Sequence[Asked]) -> list[Heard]:
    """Bring what a plan's members said onto the segments of its timeline."""
    recognizer = Recognizer(plan)
    return [hear(recognizer, one.known, one.impression, one.outputs) for one in asked]


@dataclass(frozen=True, slots=True)
class EnsembleTask:
    """What the trials share."""

    recipe: Recipe
    asked: tuple[Asked, ...]
    folds: int
    costs: Costs | None = None

    def open(self) -> EnsembleWorker:
        """Make the plan, whose weights are not used: its members have spoken."""
        return EnsembleWorker(self, Plan.of(self.recipe.ensemble))


class EnsembleWorker:
    """Judges one point after the other; each is one iteration."""

    def __init__(self, task: EnsembleTask, plan: Plan) -> None:
        self._task, self._plan = task, plan
        self._recipe = task.recipe
        objectives = [OBJECTIVES[name] for name in task.recipe.tune.objectives]
        self.worst: Mapping[str, float] = {one.name: 0.0 if one.mode == "max" else VAST for one in objectives}

    def begin(self, point: Mapping[str, Any]) -> None:
        """Lay the point over the recipe."""
        self._recipe = laid_over(self._task.recipe, point)

    def go_on(self) -> tuple[dict[str, float], bool]:
        """Fit on some clips, judge the others."""
        task, plan = self._task, self._plan.again(self._recipe.ensemble)
        heard = heard_by(plan, task.asked)
        clips = np.arange(len(heard))
        groups = np.array(groups_of([one.known for one in task.asked]))
        cut = list(folds(groups, task.folds)) if task.folds else [(clips, clips)]
        judged: dict[int, Judged] = {}
        for learn, judge in cut:
            settled, _ = settle(plan, [heard[clip] for clip in learn], self._recipe)
            for clip in judge.tolist():
                one = task.asked[clip]
                judged[clip] = judged_as(Recognizer(settled), one.known.clip, one.impression, one.outputs)
        whole = Judged.join([judged[clip] for clip in clips.tolist()])
        values = measures(whole, self._corpora(whole))
        members = [member.name for member in plan.members]
        values["members"] = float(len(members))
        if task.costs is not None:
            values["cost_ms"] = task.costs.of(members)
        return values, True

    def _corpora(self, judged: Judged) -> Array:
        return np.array([one.known.source for one in self._task.asked])[judged.clips]

    def state(self) -> dict[str, Any]:
        """Nothing: a point is one iteration."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""


def settle(plan: Plan, heard: Sequence[Heard], recipe: Recipe) -> tuple[Plan, float]:
    """Return the plan with its fusion and mapping fitted on what was heard, and the fusion's metric there."""
    fresh = plan.again(plan.settings)
    score = fit_fusion(fresh, heard, recipe.fitting(FUSION), recipe.seed)
    return replace(fresh, mapping=fit_mapping(fresh, heard)), score
