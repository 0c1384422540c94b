"""A sweep: one run of Ray Tune over one space. What was killed goes on, and what is finished is read again.

FOLDER/outcome.json     what came out, once it is over
FOLDER/kept/            what a killed one goes on from (`kept.py`)
FOLDER/ray/             Tune's own: every trial's last states
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # before `import ray`; each would write every result
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C is the command's to explain
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "0")  # after every event, not every ten seconds

from ray import tune
from ray.exceptions import RayTaskError
from ray.tune.search import Searcher

from modalities.config import Range
from tuning.machines import check_seen, machines
from tuning.placement import ClusterSettings
from tuning.room import Demand, require
from tuning.search.error import SearchError
from tuning.search.outcome import Objective, Outcome, Trial, read_outcome, write_outcome
from tuning.search.settings import SearchSettings
from tuning.search.trials.member import MemberTask
from tuning.search.tune.kept import Kept
from tuning.search.tune.nested import nested
from tuning.search.tune.stopping import scheduler
from tuning.search.tune.trial import BEGAN, MEASURED, OVER, PROBLEM, READY, SECONDS, Steps, Task
from tuning.search.tune.watch import LOOKING, Clock, Looking, Told, Watch
from tuning.storage import fetch, for_ray, holds, send

OUTCOME, CLOCK, KEPT = "outcome.json", "seconds.json", "kept"
_RAY = "ray"
_LOSSES = 3
"""How many machines a trial may lose; on one machine, what fails would fail again."""
_LAST = 2
"""States of each trial that stay: until the newest is known to what is kept, a killed sweep needs the one before."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is searched, and for what."""

    name: str
    space: Mapping[str, Range]
    objectives: tuple[Objective, ...]
    iterations: int = 1
    """Of each trial, at most."""


def run_sweep(  # noqa: PLR0913  all of it makes a sweep
    sweep: Sweep,
    task: Task,
    how: SearchSettings,
    folder: Path,
    *,
    make_searcher: Callable[[], Searcher],
    trials: int,
    jobs: int,
    report: Callable[[Told], None],
    where: ClusterSettings | None = None,
) -> Outcome:
    """Run what is left of a sweep, and return what came out of all of it.

    `jobs`: trials at a time where each has one worker; one with several takes the place of as many.
    `where`: what a trial claims in a cluster; one whose machine dies goes on elsewhere.
    """
    if holds(folder / OUTCOME):
        return read_outcome(fetch(folder / OUTCOME))
    folder.mkdir(parents=True, exist_ok=True)
    clock, kept = Clock(folder / CLOCK), Kept(folder / KEPT)
    place = for_ray(folder)
    path = f"{place['storage_path']}/{_RAY}"
    curves = kept.put_back(folder / _RAY)
    LOOKING[path] = looking = Looking(clock, report, kept, curves or {})
    apiece = how.workers if isinstance(task, MemberTask) else 1
    jobs = max(1, jobs // apiece)
    where = where or ClusterSettings()
    needs = where.fit.needs(cpus=1, gpus=0)
    require([Demand("trials", needs, apiece)], where.wait)
    check_seen([folder])
    trainable = (
        nested(task, apiece, folder)
        if isinstance(task, MemberTask) and apiece > 1
        else tune.with_resources(tune.with_parameters(Steps, task=task), tune.PlacementGroupFactory([needs]))
    )
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a trial that fails is told of once, by the outcome
    with (folder / "ray.log").open("a") as log, contextlib.redirect_stdout(log):
        if curves is not None:
            files = place.get("storage_filesystem")
            tuner = tune.Tuner.restore(path, trainable=trainable, resume_unfinished=True, storage_filesystem=files)
        else:
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=make_searcher(),
                    scheduler=scheduler(how, sweep.objectives[0], sweep.iterations, path),
                    num_samples=trials,
                    max_concurrent_trials=jobs,
                    reuse_actors=apiece == 1,
                ),
                run_config=tune.RunConfig(
                    name=_RAY,
                    **place,
                    callbacks=[Watch(path, sweep.objectives[0], trials)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=int(apiece == 1), num_to_keep=_LAST),
                    failure_config=tune.FailureConfig(max_failures=_LOSSES if len(machines()) > 1 else 0),
                    verbose=0,
                ),
            )
            kept.begin(folder / _RAY)
        grid = tuner.fit()
    clock.started([float((result.metrics or {}).get(READY, 0)) for result in grid])
    clock.keep()
    found = tuple(
        _trial(number, result, sweep.objectives[0].name, looking)
        for number, result in enumerate(sorted(grid, key=_turn))
    )
    outcome = Outcome(sweep.name, sweep.space, sweep.objectives, found, clock.seconds, jobs, start=clock.start)
    if not outcome.judged:
        raise _first_error(grid)
    write_outcome(outcome, folder / OUTCOME)
    send(folder / OUTCOME)
    return outcome


def _turn(result: tune.Result) -> float:
    """Return when a trial was begun: a sweep that goes on has its trials in another order."""
    return float((result.metrics or {}).get(BEGAN, math.inf))


def _trial(number: int, result: tune.Result, name: str, looking: Looking) -> Trial:
    told = result.metrics or {}
    problem = str(result.error or told.get(PROBLEM, "")) or ("" if name in told else "nothing was measured")
    return Trial(
        number=number,
        settings=dict(result.config or {}),
        values={} if problem else {one: float(told[one]) for one in told[MEASURED] if math.isfinite(told[one])},
        state="failed" if problem else "done" if told[OVER] else "stopped",
        seconds=float(told.get(SECONDS, 0.0)),
        curve=tuple(value for _, value in sorted(looking.curves.get(told.get("trial_id", ""), {}).items())),
        problem=problem.strip().splitlines()[-1] if problem else "",
    )


def _first_error(grid: tune.ResultGrid) -> Exception:
    """Return why no trial was judged."""
    for error in grid.errors:
        cause = error.cause if isinstance(error, RayTaskError) else error
        return cause if isinstance(cause, Exception) else RuntimeError(str(cause))
    return SearchError("no trial of this sweep gave a value for its objectives; look at what dev is labelled with")
