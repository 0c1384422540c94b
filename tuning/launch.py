"""Launchers of the one training run: in this process, or as one Ray Train run with some workers.

Both write the same parts to the same folder, and a run that was stopped goes on with the parts that are missing. How
far it is stands in a file that the launcher reads, for a Ray Train worker cannot call back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modalities.assets import AssetError
from tuning.storage import fetch, for_ray, send
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
    progress.write_text("", encoding="utf-8")
    send(progress)
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
        errors = [error for _, error in sorted(failed.worker_failures.items()) if isinstance(error, FINAL)]
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

    def tell(step: Step) -> None:
        if not first:
            return
        with (job.out / PROGRESS_FILE).open("a", encoding="utf-8") as log:
            log.write("\n" + json.dumps(asdict(step)) + "\n")  # a line that a killed worker began ends here
        send(job.out / PROGRESS_FILE)

    return train(job, tell)


def steps_in(lines: Iterable[str]) -> Iterator[Step]:
    """Read steps from lines of a progress file; what a killed worker left half-written is passed over."""
    for line in lines:
        try:
            yield Step(**json.loads(line))
        except ValueError:
            continue


def _follow(progress: Path, fitting: Future[Any]) -> Iterator[Step]:
    """Read steps from a growing file until the fit is over."""
    read, over = 0, False
    while not over:
        over = not wait([fitting], timeout=_LOOK_EVERY).not_done
        with fetch(progress).open("rb") as log:  # anew: another machine's may have taken its place
            log.seek(read)
            lines, end, _ = log.read().rpartition(b"\n")
        read += len(lines) + len(end)
        yield from steps_in(lines.decode().split("\n"))
