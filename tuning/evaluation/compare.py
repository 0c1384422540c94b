"""Two bundles on the same clips: how far apart they are, and how sure that is (a paired bootstrap over clips).

Both are judged on the same drawn clips each time, so that what makes clips hard or easy falls out of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modalities.labels import Task
from modalities.types import Array
from tuning import metrics
from tuning.evaluation.result import Judged, classes, drawn

DRAWS = 1000


class CompareError(ValueError):
    """Two bundles that cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two score in one metric, on the same clips."""

    metric: str
    first: float
    second: float
    interval: tuple[float, float]  # of first − second, 95 %
    won: float  # share of draws in which the first is better, a tie counts half

    @property
    def difference(self) -> float:
        """First − second."""
        return self.first - self.second


def compare(first: Judged, second: Judged, tasks: Mapping[str, Task]) -> list[Difference]:
    """Compare in every metric that both can be scored by: macro-F1 over the labels that occur, CCC."""
    if not np.array_equal(first.clips, second.clips):
        raise CompareError("the two bundles were not judged on the same rows of the same clips; give both the same")
    found = [_told(first, second, tasks[task]) for task in ("expression", "compound")]
    va = tasks["valence_arousal"]
    found += [_concord(first, second, va, column) for column in range(len(va.labels))]
    return [one for one in found if one is not None]


def paired(
    clips: Array, metric: Callable[[Array, Array], float], truth: Array, first: Array, second: Array, draws: int = DRAWS
) -> tuple[tuple[float, float], float]:
    """Draw whole clips with replacement; the 95 % interval of the difference, and the share of draws the first wins."""
    _, place = np.unique(clips, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    rng = np.random.default_rng(0)
    gaps = np.zeros(draws)
    for draw in range(draws):
        index = np.concatenate([rows[clip] for clip in rng.integers(len(rows), size=len(rows))])
        gaps[draw] = metric(truth[index], first[index]) - metric(truth[index], second[index])
    low, high = np.percentile(gaps, [2.5, 97.5])
    return (float(low), float(high)), float((gaps > 0).mean() + (gaps == 0).mean() / 2)


def _told(first: Judged, second: Judged, task: Task) -> Difference | None:
    (rows, truth, one), (_, _, other) = (
        classes(side.truth[task.name], side.said[task.name]) for side in (first, second)
    )
    if not len(rows) or (one < 0).all() or (other < 0).all():
        return None
    return _difference(f"{task.name} macro-F1", drawn(len(task.labels)), first.clips[rows], truth, one, other)


def _concord(first: Judged, second: Judged, task: Task, column: int) -> Difference | None:
    truth, one, other = (side[task.name][:, column] for side in (first.truth, first.said, second.said))
    rows = ~np.isnan(truth)
    if not rows.any() or np.isnan(one[rows]).all() or np.isnan(other[rows]).all():
        return None
    name = f"{task.labels.names[column]} CCC"
    return _difference(name, metrics.ccc, first.clips[rows], truth[rows], one[rows], other[rows])


def _difference(
    name: str, metric: Callable[[Array, Array], float], clips: Array, truth: Array, one: Array, other: Array
) -> Difference:
    interval, won = paired(clips, metric, truth, one, other)
    return Difference(name, metric(truth, one), metric(truth, other), interval, won)
