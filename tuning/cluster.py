"""Ray, started or joined the way this project needs it, and work spread over its actors.

`spread_over` is the bulk pattern for one machine or many: a few actors, at most two calls in flight on each (that is
the backpressure), results as they come. An actor that dies is started again and its call repeated; where its machine
died too, it needs room on another one, so an actor that has nothing left to do ends.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # before `import ray`: a token of ours would lock other tools out
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.1")  # the default makes every report wait two seconds
os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
os.environ.setdefault("RAY_TRAIN_METRICS_ENABLED", "0")

import ray
from ray.exceptions import RayActorError, RayTaskError

from modalities.busy import started
from modalities.device import VARIABLE
from tuning.address import ClusterError, wanted
from tuning.joining import joined

Item = TypeVar("Item")
IN_FLIGHT = 2
LIVES = {"max_restarts": 5, "max_task_retries": -1}
"""Of an actor that does a share of the work. Its calls are repeated as long as it lives again: until Ray has found a
machine dead, every try to reach it fails at once, so that any number of tries would be used up."""
_SHARES = 10_000
"""The finest that Ray counts resources in."""


@contextmanager
def running(cpus: int | None = None) -> Iterator[None]:
    """Use the Ray that is there, or the cluster that is asked for (`tuning/joining.py`), or start one on this machine.

    What was started or joined is left when the block ends.
    """
    if ray.is_initialized():
        yield
    elif address := wanted():
        with joined(address):
            yield
    else:
        _start(num_cpus=cpus)
        try:
            yield
        finally:
            ray.shutdown()


def _start(**wishes: Any) -> None:
    how = {"address": "local", "include_dashboard": False, "object_store_memory": 500_000_000, **wishes}
    started(lambda: ray.init(logging_level="ERROR", log_to_driver=False, **how))


def cores() -> int:
    """CPUs of the cluster, at least one."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def gpus() -> int:
    """GPUs of the cluster that may be used."""
    return 0 if os.environ.get(VARIABLE) == "cpu" else int(ray.cluster_resources().get("GPU", 0))


def gpu_share(processes: int) -> float:
    """Return what each of so many processes may claim of a GPU, so that there is room for all of them."""
    if not (count := gpus()):
        return 0.0
    return math.floor(_SHARES / math.ceil(processes / count)) / _SHARES  # not processes / count: a share is of one GPU


def spread_over(
    make: Callable[[], Any], method: str, items: Sequence[Item], workers: int, *, done: Callable[[Item], None]
) -> None:
    """Call `method(item)` of one of several actors for every item; `done` is told of each that is ready."""
    actors = [make() for _ in range(min(workers, len(items)))]
    try:
        share_out(actors, method, items, done=done)
    finally:
        for actor in actors:
            ray.kill(actor)


def share_out(
    actors: Sequence[Any], method: str, items: Sequence[Item], *, done: Callable[[Item], None], keep: bool = False
) -> None:
    """Have some actors call `method(item)` for every item; without `keep`, one that has nothing left to do ends."""
    todo, free = list(reversed(items)), [actor for actor in actors for _ in range(IN_FLIGHT)]
    flying: dict[Any, tuple[Any, Item]] = {}
    while todo or flying:
        while todo and free:
            actor, item = free.pop(0), todo.pop()
            flying[getattr(actor, method).remote(item)] = actor, item
        (ready,), _ = ray.wait(list(flying), num_returns=1)
        actor, item = flying.pop(ready)
        _answer(ready, item)
        done(item)
        if todo:
            free.append(actor)
        elif not keep and all(other is not actor for other, _ in flying.values()):
            ray.kill(actor)


def _answer(ready: Any, item: object) -> None:
    """Raise what a call raised, in its own words: Ray's are a traceback of where it happened."""
    try:
        ray.get(ready)
    except (RayTaskError, RayActorError) as error:
        reason = error.cause if isinstance(error, RayTaskError) else error
        if not isinstance(reason, RayActorError):
            raise reason from None
        name = getattr(item, "name", item)
        raise ClusterError(
            f"who worked on {name} died again and again, last: {_last_line(reason)}. If it is always this one, leave "
            "it out; if it is any, the machine has too little memory"
        ) from error


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
