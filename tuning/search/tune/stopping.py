"""Who stops a trial early. Tune does not keep what its schedulers know, so here they hear again what trials had told.

Of a trial that is to go on they hear only what it will not tell again: all before the state that it goes on from.
"""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from tuning.search.outcome import Objective
from tuning.search.settings import SearchSettings
from tuning.search.tune.watch import ITERATION, LOOKING

Results = list[dict[str, float]]


def scheduler(how: SearchSettings, objective: Objective, iterations: int, path: str) -> TrialScheduler:
    """Make the scheduler that the settings ask for, of a sweep in a folder."""
    about = {"metric": objective.name, "mode": objective.mode, "time_attr": ITERATION, "grace_period": how.grace}
    if how.stop == "never" or iterations <= how.grace:
        return FIFOScheduler()
    if how.stop == "median":
        return Median(path, **about, min_samples_required=3)
    return Halving(path, **about, max_t=iterations, reduction_factor=how.reduction)


class Halving(AsyncHyperBandScheduler):  # type: ignore[misc]  # Ray ships no types
    """Successive halving, which remembers."""

    def __init__(self, path: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._path = path

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Take a trial in, with what it has told."""
        super().on_trial_add(tune_controller, trial)
        for result in _told(self._path, trial, self._metric):
            super().on_trial_result(tune_controller, trial, result)


class Median(MedianStoppingRule):  # type: ignore[misc]  # Ray ships no types
    """The median of the others, which remembers."""

    def __init__(self, path: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._path = path

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Take a trial in, with what it has told."""
        super().on_trial_add(tune_controller, trial)
        if told := _told(self._path, trial, self._metric):
            self._results[trial].extend(told if not trial.is_finished() else [*told, told[-1]])  # the end is told twice


def _told(path: str, trial: TuneTrial, objective: str) -> Results:
    """Return what a trial had told when the sweep was killed, as far as it will not tell it again."""
    curve = LOOKING[path].curves.get(trial.trial_id, {})
    kept = trial.latest_checkpoint_result
    until = max(curve, default=0) if trial.is_finished() else kept.metrics[ITERATION] if kept else 0
    return [{ITERATION: at, objective: value} for at, value in sorted(curve.items()) if at <= until]
