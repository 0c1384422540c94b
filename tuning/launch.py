"""Launchers of the one training run: in this process, or as one Ray Train run with some workers.

Both write the same parts to the same folder, and a run that was stopped goes on with the parts that are missing. How
far it is stands in a file that the launcher reads, for a Ray Train worker cannot call back.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modalities.assets import AssetError
from modalities.whole import whole
from tuning.storage import StorageError, fetch, for_ray, forget, holds, send
from tuning.train import Job, Step, train

PROGRESS_FILE = "progress.jsonl"
FINAL = (ValueError, FloatingPointError, AssetError, FileNotFoundError, NotADirectoryError, PermissionError)
"""Errors that come again when a worker is started again."""
_LOOK_EVERY = 0.3  # seconds


def fit_directly(job: Job, report: Callable[[Step], None]) -> dict[str, float]:
    """Fit in this process."""
    return train(job, report)


def fit_on_ray(job: Job, report: Callable[[Step], None], workers: int = 1, retries: int = 2) -> dict[str, float]:
    """Fit all members in one Ray Train run; where a worker dies, all begin again at the last state that was written.

    What a worker raises for good (`FINAL`) is raised here as it would be by `fit_directly`.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    progress = job.out / PROGRESS_FILE
    forget(progress)
    aside = ThreadPoolExecutor(1)  # in the main thread Ray Train would take Ctrl-C, and exit with 0
    fitting = aside.submit(_fit, job, workers, retries)
    aside.shutdown(wait=False)
    for step in _follow(progress, fitting):
        report(step)
    scores = fitting.result()
    fetch(job.out)
    return scores


def _fit(job: Job, workers: int, retries: int) -> dict[str, float]:
    from ray.train import LoggingConfig, RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.torch import TorchConfig, TorchTrainer

    from tuning.cluster import gpus
    from tuning.machines import check_seen
    from tuning.room import Demand, require

    where = job.recipe.cluster
    # NCCL wants a GPU for each worker; where they share one, gloo speaks for them too
    apiece = where.fit.gpus >= 1 if where.fit.gpus is not None else 0 < workers <= gpus()
    each = where.fit.needs(cpus=1, gpus=1 if apiece else 0)
    require([Demand("training workers", each, workers)], where.wait)
    check_seen([job.out, job.encodings], job.corpora.values())
    trainer = TorchTrainer(
        _worker,
        train_loop_config={"job": job},
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if apiece else "gloo"),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu="GPU" in each, resources_per_worker=each),
        run_config=RunConfig(
            name="fit",
            **for_ray(job.out / "ray"),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
    try:
        scores: dict[str, float] = trainer.fit().return_value
    except WorkerGroupError as failed:  # Ray's own retries know no error that is final
        said = FINAL if retries else (*FINAL, StorageError)
        errors = [error for _, error in sorted(failed.worker_failures.items()) if isinstance(error, said)]
        if errors:
            raise errors[0] from failed
        if not retries:
            raise
        return _fit(job, workers, retries - 1)
    return scores


def _worker(config: dict[str, Any]) -> dict[str, float]:
    import ray.train

    job: Job = config["job"]
    first = ray.train.get_context().get_world_rank() == 0
    return train(job, _Log(job.out / PROGRESS_FILE) if first else lambda _: None)


class _Log:
    """A file of all steps so far, whole at any time; on its way into a bucket no more than once a second."""

    def __init__(self, path: Path) -> None:
        self._path, self._sent = path, -math.inf
        before = holds(path) and fetch(path).read_text(encoding="utf-8").splitlines()
        self._lines = list(before or [])

    def __call__(self, step: Step) -> None:
        self._lines.append(json.dumps(asdict(step)))
        with whole(self._path) as unfinished:
            unfinished.write_text("\n".join(self._lines) + "\n", encoding="utf-8")
        if step.share >= 1 or time.monotonic() - self._sent >= 1:
            with suppress(StorageError):  # the next step tells of this one too
                send(self._path)
            self._sent = time.monotonic()


def steps_in(lines: Iterable[str]) -> Iterator[Step]:
    """Read steps from lines of a progress file."""
    return (Step(**json.loads(line)) for line in lines if line)


def _follow(progress: Path, fitting: Future[Any]) -> Iterator[Step]:
    """Read steps from a growing file until the fit is over."""
    read, over = 0, False
    while not over:
        over = not wait([fitting], timeout=_LOOK_EVERY).not_done
        with suppress(StorageError, FileNotFoundError), fetch(progress).open("rb") as log:  # anew: each is another file
            log.seek(read)
            lines = log.read()
            read += len(lines)
            yield from steps_in(lines.decode().splitlines())
