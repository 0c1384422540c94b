"""Launchers of the one training run: in this process, or as one Ray Train run with some workers.

Both write the same parts to the same folder, and a run that was stopped goes on with the parts that are missing. How
far it is stands in a file that the launcher reads, for a Ray Train worker cannot call back.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuning.train import Job, Step, train

PROGRESS_FILE = "progress.jsonl"


def fit_directly(job: Job, report: Callable[[Step], None]) -> dict[str, float]:
    """Fit in this process."""
    return train(job, report)


def fit_on_ray(job: Job, report: Callable[[Step], None], workers: int = 1, retries: int = 2) -> dict[str, float]:
    """Fit all members in one Ray Train run; where a worker dies, all begin again at the last state that was written."""
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    job.out.mkdir(parents=True, exist_ok=True)
    progress = job.out / PROGRESS_FILE
    progress.write_text("", encoding="utf-8")
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"job": job},
        torch_config=TorchConfig(backend="gloo"),  # heads are fitted on CPUs
        scaling_config=ScalingConfig(num_workers=workers),
        run_config=RunConfig(
            name="fit",
            storage_path=str((job.out / "ray").resolve()),
            failure_config=FailureConfig(max_failures=retries),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
    with _Follower(progress, report):
        result = trainer.fit()
    scores: dict[str, float] = result.return_value
    return scores


def _worker(config: dict[str, Any]) -> dict[str, float]:
    import ray.train

    job: Job = config["job"]
    first = ray.train.get_context().get_world_rank() == 0

    def tell(step: Step) -> None:
        if not first:
            return
        with (job.out / PROGRESS_FILE).open("a", encoding="utf-8") as log:
            log.write("\n" + json.dumps(asdict(step)) + "\n")  # a line that a killed worker began ends here

    return train(job, tell)


def steps_in(lines: Iterable[str]) -> Iterator[Step]:
    """Read steps from lines of a progress file; what a killed worker left half-written is passed over."""
    for line in lines:
        try:
            yield Step(**json.loads(line))
        except ValueError:
            continue


class _Follower:
    """Reads a growing progress file in a thread and passes each step on."""

    def __init__(self, path: Path, report: Callable[[Step], None], every: float = 0.3) -> None:
        self._path, self._report, self._every = path, report, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8") as log:
            rest = ""
            while True:
                over = self._over.wait(self._every)
                *lines, rest = (rest + log.read()).split("\n")
                for step in steps_in(lines):
                    self._report(step)
                if over:
                    return
