"""Trials of a member with several workers each: a Ray Train run inside every trial of Tune (Tune over Train).

A Train run takes 15 to 25 s to begin, so with one worker a trial calls the loop itself (`trials/member.py`).
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import ray.train
from ray import tune
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback

from modalities.native import use_threads
from tuning.fit.world import World
from tuning.search.trials.member import MemberTask
from tuning.search.tune.trial import told
from tuning.storage import for_ray


def nested(task: MemberTask, workers: int, folder: Path) -> Any:
    """Return what Tune runs as a trial: it waits, and claims next to nothing; its workers claim a core each."""
    return tune.with_resources(partial(_trial, task=task, workers=workers, folder=folder.resolve()), {"cpu": 0.01})


def _trial(point: dict[str, Any], *, task: MemberTask, workers: int, folder: Path) -> None:
    TorchTrainer(
        _work,
        train_loop_config={"task": task, "point": point},
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(
            num_workers=workers, resources_per_worker=task.recipe.cluster.fit.needs(cpus=1, gpus=0)
        ),
        run_config=RunConfig(
            name=tune.get_context().get_trial_id(),
            **for_ray(folder / "train"),
            callbacks=[TuneReportCallback()],  # hands on what the first worker reports
        ),
    ).fit()


def _work(config: dict[str, Any]) -> None:
    """Fit together with the other workers, and report after every iteration."""
    use_threads(1)
    task: MemberTask = config["task"]
    worker = task.open(World.here())
    began, over = time.time(), False
    worker.begin(config["point"])
    while not over:
        problem = ""
        try:
            values, over = worker.go_on()
        except FloatingPointError as error:
            values, over, problem = dict(worker.worst), True, str(error)
        times, seconds = (began, began), time.time() - began
        ray.train.report(told(values, times, over=over, seconds=seconds, problem=problem))
