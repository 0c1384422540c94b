"""A member's trials: its head is fitted with other settings, epoch by epoch, on rows that are read once per actor.

This is Tune over Train in its cheap form: the trial calls the one training loop itself. Where one trial needs several
workers, `tuning/search/tune/nested.py` has each of them do this inside Ray Train.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ensemble.plan import Plan
from modalities.heads.head import Head
from modalities.native import one_at_a_time
from tuning.fit import Data, Kept, Loop, Rows, Some
from tuning.fit.world import World
from tuning.members import begin
from tuning.recipe import Recipe
from tuning.search.point import laid_over
from tuning.search.trials.folds import folds
from tuning.storage import fetch

SCORE = "score"
"""The member's dev metric: what its trials are compared by, the best epoch's so far."""
ITERATIONS = 12
"""Looks at a trial on its way to the last epoch."""


@dataclass(frozen=True, slots=True)
class MemberTask:
    """What a member's trials share, small enough to be sent; rows are read where it runs."""

    recipe: Recipe
    member: str
    rows: Path
    """Folder of the rows of train and dev."""
    folds: int
    """0 fits on train and judges on dev; else all rows lie in train, and are cut into so many."""
    groups: tuple[int, ...] = ()
    """Of each clip of train, whom it shows; nobody's are in two folds. By clip, if not given."""

    def open(self, world: World | None = None) -> MemberWorker:
        """Read the rows and make the plan, whose encoders are not used but say how wide steps are.

        Workers of one process group fit together in their `world`; without any, one is alone.
        """
        with one_at_a_time("rows"):  # all trials of a machine want the same
            fetch(self.rows)
        return MemberWorker(self, _sides(self), world or World())


class MemberWorker:
    """Fits one point after the other."""

    def __init__(self, task: MemberTask, sides: list[tuple[Rows, Rows]], world: World) -> None:
        self._task, self._sides, self._world = task, sides, world
        self._plan = Plan.of(task.recipe.ensemble)
        self._loops: list[Loop] = []
        self._every = 1
        self.worst: Mapping[str, float] = {SCORE: 0.0}

    def begin(self, point: Mapping[str, Any]) -> None:
        """Draw the heads anew, one per fold."""
        recipe = laid_over(self._task.recipe, point)
        settings = recipe.fitting(self._task.member)
        self._loops = []
        self._every = max(1, math.ceil(settings.epochs / ITERATIONS))
        for train, dev in self._sides:
            head: Head = self._plan.head(self._task.member, recipe.ensemble)
            objective = begin(head, train, settings, recipe.seed)
            self._loops.append(Loop(head, objective, Data(train, dev), settings, recipe.seed, self._world))

    def go_on(self) -> tuple[dict[str, float], bool]:
        """Fit some epochs; the score is the mean over folds of each one's best."""
        for loop in self._loops:
            for _ in range(self._every):
                if not loop.over:
                    loop.epoch()
        return {SCORE: float(np.mean(self.scores))}, all(loop.over for loop in self._loops)

    @property
    def scores(self) -> list[float]:
        """The best score so far of each fold."""
        return [loop.best for loop in self._loops]

    def state(self) -> dict[str, Any]:
        """Where every fold stands."""
        return {"loops": [loop.state() for loop in self._loops]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for loop, kept in zip(self._loops, state["loops"], strict=True):
            loop.go_on_from(kept)


def _sides(task: MemberTask) -> list[tuple[Rows, Rows]]:
    train = Kept.open(task.rows / "train")
    if not task.folds:
        return [(train, Kept.open(task.rows / "dev"))]
    clips = train.clips.numpy()
    cut = folds(np.array(task.groups)[clips] if task.groups else clips, task.folds)
    return [(Some(train, torch.from_numpy(learn)), Some(train, torch.from_numpy(judge))) for learn, judge in cut]
