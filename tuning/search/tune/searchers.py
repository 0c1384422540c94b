"""Who proposes points: Optuna's samplers behind Ray Tune, and RAS's lists.

A point that makes no ensemble (eight heads over 100 numbers) is drawn again; it costs no trial. The recipe's own
values, which are the paper's where a paper says them, are tried first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from modalities.config import Range
from tuning.recipe import RecipeError
from tuning.search.outcome import Objective
from tuning.search.settings import SearchSettings
from tuning.search.shown.importance import distribution
from tuning.search.tune.lists import Exhaustive, Greedy, combinations, count, values_of
from tuning.space import within

PATIENCE = 200
"""Impossible points in a row until the space counts as empty."""
Possible = Callable[[Mapping[str, Any]], bool]


class PossibleSearch(OptunaSearch):  # type: ignore[misc]  # Ray ships no types
    """Optuna's proposals, those left out that are impossible; the study keeps them as pruned."""

    def __init__(self, possible: Possible, **settings: Any) -> None:
        super().__init__(**settings)
        self._is_possible = possible

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Ask until a point is possible."""
        for _ in range(PATIENCE):
            point: dict[str, Any] | None = super().suggest(trial_id)
            if point is None or self._is_possible(point):
                return point
            self._ot_study.tell(self._ot_trials.pop(trial_id), state=TrialState.PRUNED)
        why = getattr(self._is_possible, "why", "")
        raise RecipeError(
            f"{PATIENCE} points in a row were impossible{why and f' ({why})'}; narrow [search] to what goes together"
        )

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Hear of a result; of one that is told again, by a trial that went on, Optuna keeps the first."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The reported value is ignored")
            super().on_trial_result(trial_id, result)


def searcher(  # noqa: PLR0913  all of it makes a search
    how: SearchSettings,
    space: Mapping[str, Range],
    objectives: tuple[Objective, ...],
    first: Mapping[str, Any],
    possible: Possible,
    *,
    seed: int,
    storage: str | None = None,
    study: str = "twofold",
) -> Searcher:
    """Make the searcher that the settings ask for."""
    if how.sampler == "greedy":
        return Greedy(space, dict(first), possible, objectives[0])
    if how.sampler == "exhaustive":
        return Exhaustive(_all(space, possible, how.trials), objectives[0])
    samplers: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(3, how.trials // 3))),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=min(50, max(4, how.trials // 4))),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    one = len(objectives) == 1
    return PossibleSearch(
        possible,
        space={name: distribution(allowed) for name, allowed in space.items()},
        metric=objectives[0].name if one else [objective.name for objective in objectives],
        mode=objectives[0].mode if one else [objective.mode for objective in objectives],
        points_to_evaluate=[dict(first)] if all(within(first[name], space[name]) for name in space) else None,
        sampler=samplers[how.sampler](),
        storage=None if storage is None else optuna.storages.RDBStorage(storage),
        study_name=study,
    )


def trials_of(how: SearchSettings, space: Mapping[str, Range]) -> int:
    """How many trials a sweep has at most."""
    if how.sampler == "greedy":
        return min(how.trials, 1 + sum(len(values_of(allowed)) for allowed in space.values()))
    return min(how.trials, count(space)) if how.sampler == "exhaustive" else how.trials


def _all(space: Mapping[str, Range], possible: Possible, most: int) -> list[dict[str, Any]]:
    if (there := count(space)) > 100 * most:  # not even counted one by one
        raise RecipeError(_too_many(there, most))
    points = [point for point in combinations(space) if possible(point)]
    if len(points) > most:
        raise RecipeError(_too_many(len(points), most))
    return points


def _too_many(there: int, most: int) -> str:
    return f"an exhaustive search of this space needs {there} trials, but {most} are allowed; narrow it, or allow more"
