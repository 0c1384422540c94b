"""Searches over lists of values, as in RAS's released code: every combination, or greedily one setting after the other.

They are searchers of Ray Tune like any other, so that trials run side by side and a killed sweep goes on.
"""

from __future__ import annotations

import itertools
import math
import pickle
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune.search import Searcher

from modalities.config import Choice, Integers, Range
from tuning.search.outcome import Objective

STEPS = 5
"""Values of a number between two bounds."""
Point = dict[str, Any]
FINISHED: str = Searcher.FINISHED


def values_of(allowed: Range) -> tuple[Any, ...]:
    """List the values of a range: all options, all whole numbers (5 of many), 5 numbers evenly apart."""
    if isinstance(allowed, Choice):
        return allowed.options
    if isinstance(allowed, Integers) and allowed.high - allowed.low < 2 * STEPS:
        return tuple(range(allowed.low, allowed.high + 1))
    spaced = np.geomspace if allowed.log and allowed.low > 0 else np.linspace
    numbers = spaced(allowed.low, allowed.high, STEPS).tolist()
    return tuple(dict.fromkeys(round(x) if isinstance(allowed, Integers) else x for x in numbers))


def combinations(space: Mapping[str, Range]) -> Iterator[Point]:
    """Every combination, the last setting fastest."""
    return (dict(zip(space, values, strict=True)) for values in itertools.product(*map(values_of, space.values())))


def count(space: Mapping[str, Range]) -> int:
    """How many combinations there are."""
    return math.prod(len(values_of(allowed)) for allowed in space.values())


class Listed(Searcher):  # type: ignore[misc]  # Ray ships no types
    """Hands out points of a list; what it knows is kept in a file beside Tune's own."""

    def __init__(self, objective: Objective) -> None:
        super().__init__(metric=objective.name, mode=objective.mode)
        self._objective = objective
        self._out: dict[str, Point] = {}

    @abstractmethod
    def next(self) -> Point | str | None:
        """Return the next point; None while results are awaited, FINISHED at the end."""

    def told(self, point: Point, gain: float) -> None:
        """Hear what a point was worth."""

    def suggest(self, trial_id: str) -> Point | str | None:
        """Answer Tune."""
        point = self.next()
        if isinstance(point, dict):
            self._out[trial_id] = point
        return point

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  as Tune calls it
        """Hear from Tune; a trial that failed is worth nothing."""
        value = (result or {}).get(self._objective.name, math.nan)
        self.told(self._out.pop(trial_id), self._objective.gain(value))

    def save(self, checkpoint_path: str) -> None:
        """Keep what is known."""
        Path(checkpoint_path).write_bytes(pickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        """Know it again."""
        self.__dict__.update(pickle.loads(Path(checkpoint_path).read_bytes()))  # noqa: S301  our own file


class Exhaustive(Listed):
    """Every combination that is possible."""

    def __init__(self, points: list[Point], objective: Objective) -> None:
        super().__init__(objective)
        self._todo = points[::-1]

    def next(self) -> Point | str | None:
        """Return the next one."""
        return self._todo.pop() if self._todo else FINISHED


class Greedy(Listed):
    """One pass over the settings: each value of one is tried beside the best of the others, and the best is kept.

    It begins at the recipe's own values, and only what is strictly better takes their place (RAS, released search).
    """

    def __init__(self, space: Mapping[str, Range], first: Point, possible: Any, objective: Objective) -> None:
        super().__init__(objective)
        self._best, self._gain, self._possible = dict(first), -math.inf, possible
        self._settings = [(name, values_of(allowed)) for name, allowed in space.items()][::-1]
        self._todo: list[Point] = [dict(first)]

    def next(self) -> Point | str | None:
        """Return the next value of a setting, beside the best of the others."""
        while not self._todo:
            if self._out:
                return None  # the best is not known yet
            if not self._settings:
                return FINISHED
            name, values = self._settings.pop()
            points = [{**self._best, name: value} for value in values if value != self._best.get(name)]
            self._todo = [point for point in points if self._possible(point)][::-1]
        return self._todo.pop()

    def told(self, point: Point, gain: float) -> None:
        """Keep the better."""
        if gain > self._gain:
            self._best, self._gain = point, gain
