"""Who looks on while Ray Tune runs a sweep: says how far it is, times it, and keeps what a killed one goes on from."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial as TuneTrial

from modalities.whole import whole
from tuning.search.outcome import Objective
from tuning.search.tune.kept import Curves, Kept
from tuning.storage import StorageError, fetch, holds, send

ITERATION = "training_iteration"


@dataclass(frozen=True, slots=True)
class Told:
    """How far a sweep is: after every trial that ends."""

    ended: int
    of: int
    best: float | None
    """Of the first objective, so far."""


@dataclass(slots=True)
class Clock:
    """Seconds that a sweep took, over all the runs that it took."""

    path: Path
    at: float = field(default_factory=time.time)
    seconds: float = 0.0
    start: float = 0.0
    _before: float = 0.0

    def __post_init__(self) -> None:
        if holds(self.path):
            fetch(self.path)
            self._before, self.start = json.loads(self.path.read_text(encoding="utf-8"))

    def started(self, moments: Iterable[float]) -> None:
        """Add what passed until the first process of this run was ready."""
        self.start += min((moment - self.at for moment in moments if moment > self.at), default=0.0)

    def keep(self) -> None:
        """Write down how long it has taken."""
        self.seconds = self._before + time.time() - self.at
        with whole(self.path) as unfinished:
            unfinished.write_text(json.dumps([self.seconds, self.start]), encoding="utf-8")
        send(self.path)


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks on while a sweep runs in this process."""

    clock: Clock
    report: Callable[[Told], None]
    kept: Kept
    curves: Curves


LOOKING: dict[str, Looking] = {}
"""Folder → who looks on. Tune keeps its callbacks in a file, and those who look on cannot be kept."""


class Watch(tune.Callback):  # type: ignore[misc]  # Ray ships no types
    """Is told by Tune of all that happens."""

    def __init__(self, path: str, objective: Objective, trials: int) -> None:
        self._path, self._objective, self._of = path, objective, trials
        self._known, self._changed = 0, False

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002  all of them as Tune calls it
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,
        result: Mapping[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Add to the trial's curve; one that was begun again loses what had come after."""
        at, curves = result[ITERATION], LOOKING[self._path].curves
        before = {one: value for one, value in curves.get(trial.trial_id, {}).items() if one < at}
        curves[trial.trial_id] = {**before, at: float(result.get(self._objective.name, math.nan))}
        self._changed = True

    def on_checkpoint(self, **info: Any) -> None:  # noqa: ARG002
        """Know that a trial's state is kept in another place, and soon no longer in that before."""
        self._changed = True

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:  # noqa: ARG002
        """Say how far it is."""
        name, looking = self._objective.name, LOOKING[self._path]
        over = [one.last_result or {} for one in trials if one.is_finished()]
        values = [result[name] for result in over if math.isfinite(result.get(name, math.nan))]
        with suppress(StorageError):  # of a statistic: no trial fails by it, and the next one tells as much
            looking.clock.keep()
        looking.report(Told(len(over), self._of, max(values, key=self._objective.gain, default=None)))
        self._changed = True

    on_trial_error = on_trial_complete

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:  # noqa: ARG002
        """Keep what Tune has just written of this step, before it takes the next event."""
        if trials and (self._changed or len(trials) != self._known):
            looking = LOOKING[self._path]
            with suppress(StorageError):  # the next step tries again
                looking.kept.keep(Path(trials[0].storage.experiment_driver_staging_path), looking.curves)
                self._known, self._changed = len(trials), False
