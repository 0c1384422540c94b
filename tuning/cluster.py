"""Ray, started the way this project needs it, and work spread over its actors.

`spread_over` is the bulk pattern for one machine or many: a few actors, at most two calls in flight on each (that is
the backpressure), results as they come. An actor that dies is started again and its call repeated.
"""

from __future__ import annotations

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
from ray.exceptions import RayTaskError

Item = TypeVar("Item")
IN_FLIGHT = 2


@contextmanager
def running(cpus: int | None = None) -> Iterator[None]:
    """Use the Ray that is there, or start one on this machine for as long as the block lasts."""
    if ray.is_initialized():
        yield
        return
    elsewhere = "RAY_ADDRESS" in os.environ  # a cluster has its own resources
    own = {} if elsewhere else {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": 500_000_000}
    ray.init(logging_level="ERROR", log_to_driver=False, **own)
    try:
        yield
    finally:
        ray.shutdown()


def cores() -> int:
    """CPUs of the cluster, at least one."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def spread_over(
    make: Callable[[], Any], method: str, items: Sequence[Item], workers: int, *, done: Callable[[Item], None]
) -> None:
    """Call `method(item)` of one of several actors for every item; `done` is told of each that is ready."""
    actors = [make() for _ in range(min(workers, len(items)))]
    todo, free = list(reversed(items)), [actor for actor in actors for _ in range(IN_FLIGHT)]
    flying: dict[Any, tuple[Any, Item]] = {}
    try:
        while todo or flying:
            while todo and free:
                actor, item = free.pop(0), todo.pop()
                flying[getattr(actor, method).remote(item)] = actor, item
            (ready,), _ = ray.wait(list(flying), num_returns=1)
            actor, item = flying.pop(ready)
            try:
                ray.get(ready)
            except RayTaskError as error:  # its own words are a traceback of where it happened
                raise error.cause from None
            free.append(actor)
            done(item)
    finally:
        for actor in actors:
            ray.kill(actor)
