"""The machines of the cluster that is joined, and whether all of them see the folders that a run reads and writes.

A worker that writes into a folder of its machine's own would lose what it made, and nobody would be told.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import NodeDiedError, TaskUnschedulableError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tuning.address import CLIENT, ClusterError, wanted
from tuning.storage import VARIABLE, StorageError, fetch, forget, send, shown


def machines() -> list[dict[str, Any]]:
    """Return the cluster's living nodes, as Ray tells of them."""
    return [node for node in ray.nodes() if node["Alive"]]


def check_seen(written: Iterable[Path], read: Iterable[Path] = ()) -> None:
    """Raise ClusterError where a machine does not share a folder that is written, or lacks one that is read."""
    outside = (wanted() or "").startswith(CLIENT)
    if len(nodes := machines()) == 1 and not outside:
        return
    marks = [_mark(folder) for folder in dict.fromkeys(written)]
    try:
        blind = _look(nodes, [*marks, *dict.fromkeys(read)])
    finally:
        for mark in marks:
            forget(mark)
    for path, hosts in blind.items():
        folder = path.parent if path in marks else path
        advice = (
            "each must reach the bucket, and mirror it under this path (TWOFOLD_CACHE)"
            if shown(folder) != str(folder)
            else f"name a folder that all share with twofold --storage (or {VARIABLE}), and corpora that lie in one"
        )
        raise ClusterError(
            f"{folder} is not the same on every machine: {', '.join(hosts)} cannot see what this one does; {advice}"
        )


def _mark(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / f".seen-{secrets.token_hex(4)}"
    mark.touch()
    send(mark)
    return mark


def _look(nodes: Sequence[dict[str, Any]], paths: list[Path]) -> dict[Path, list[str]]:
    """Have every machine look for paths; returns those that some do not see, and by which machines."""
    looking = ray.remote(num_cpus=0, max_retries=3)(_unseen)
    asked = [  # pairs: machines that were cloned have one name
        (
            str(node["NodeManagerHostname"]),
            looking.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
            ).remote(paths),
        )
        for node in nodes
    ]
    blind: dict[Path, list[str]] = {}
    for host, unseen in asked:
        with suppress(TaskUnschedulableError, NodeDiedError, WorkerCrashedError):  # it has died, and is not needed
            for path in ray.get(unseen):
                blind.setdefault(path, []).append(host)
    return blind


def _unseen(paths: list[Path]) -> list[Path]:
    """Return those paths that are not there, as this machine sees it."""
    return [path for path in paths if not _seen(path)]


def _seen(path: Path) -> bool:
    try:
        return fetch(path).exists()
    except (StorageError, OSError):  # this machine does not reach the bucket, or may not look
        return False
