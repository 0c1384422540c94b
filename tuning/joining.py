"""A cluster that runs already: how it is joined, and what is said when it cannot be, or stops answering.

Whoever joins brings this code along (`working_dir`), unless Ray's job did so before. A head that dies would leave a
driver waiting for a minute, and then end it with a crash of Ray's own: a thread looks whether it still answers
(`tuning/address.py`), and says it in one sentence.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.exceptions import RayError

from modalities.device import VARIABLE as DEVICE
from tuning.address import CLIENT, ClusterError, LostClusterError, Place, find
from tuning.storage import VARIABLE as STORAGE

ROOT = Path(__file__).resolve().parent.parent
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_TOLD = (DEVICE, STORAGE, "TWOFOLD_OFFLINE", "TWOFOLD_SEND_FRAMES_TO", "HF_HUB_OFFLINE")
"""What workers must know of this process's environment. Caches are each machine's own."""
_LEFT = (".git", ".venv", "/runs", "/cluster", "__pycache__", ".*_cache", "*.mp4", "*.npz")
"""What workers do not need of a checkout; nor do they get what git ignores."""
_LOOK, _SILENCE, _GRACE = 2.0, 5.0, 20.0
"""Seconds between looks, that one without an answer takes, and until it is said that nobody answers."""


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Join a cluster for as long as the block lasts; LostClusterError where it is gone before that ends."""
    place = find(address)
    _join(place)
    done = threading.Event()
    threading.Thread(target=_watch, args=(place, done), name="cluster-watch", daemon=True).start()
    try:
        yield
    except (RayError, ConnectionError, RuntimeError) as error:
        if place.answers:
            raise
        raise LostClusterError(place.lost) from error
    finally:
        done.set()
        ray.shutdown()


def _join(place: Place) -> None:
    outside = place.address.startswith(CLIENT)
    if not outside and not _runs_here():  # Ray would look for it for a minute
        raise ClusterError(
            f"this machine is no node of the cluster at {place.address}; from here it is ray://{place.host}:10001, to "
            "encode and to evaluate; all else is started on a node (ray exec cluster.yaml 'twofold --address auto …')"
        )
    address = place.address if outside else f"{place.host}:{place.port}"
    try:
        _connect(address)
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ClusterError(
            f"the cluster at {place.address} cannot be joined ({reason(error)}); it wants the same versions of "
            "Python and Ray on either side"
        ) from error


def _connect(address: str) -> None:
    """Have Ray join; a head starts a process for each client, and one that was too slow may be in time once more."""
    for last in (False, True):
        try:
            ray.init(address=address, runtime_env=_environment(), logging_level="ERROR", log_to_driver=False)
        except ConnectionAbortedError:  # "Initialization failure from server": its own word for any reason there
            if last:
                raise
        else:
            return


def reason(error: Exception) -> str:
    """Return the line that tells why: the first, or the last one of a traceback that the other side has sent."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (lines[-1] if lines[0].endswith(":") else lines[0]).rstrip(".")


def _runs_here() -> bool:
    """Whether a node's process runs on this machine."""
    return any((process.info["name"] or "").startswith("raylet") for process in psutil.process_iter(["name"]))


def _environment() -> dict[str, Any]:
    """Return what workers are told: this process's settings, and this code unless a job has brought it."""
    told: dict[str, Any] = {"env_vars": {name: os.environ[name] for name in _TOLD if name in os.environ}}
    if _JOB not in os.environ and (ROOT / "pyproject.toml").exists():
        told |= {"working_dir": str(ROOT), "excludes": list(_LEFT)}
    return told


def _watch(place: Place, done: threading.Event) -> None:
    """End this process with one sentence when nobody has answered for a while.

    Whoever waits in Ray's core would not be woken by an exception, and Ray's threads hold up any exit but this one.
    """
    silent = 0.0
    while not done.wait(_LOOK):
        silent = 0.0 if place.answers else silent + _LOOK + _SILENCE
        if silent >= _GRACE and not done.is_set():
            sys.stdout.flush()
            sys.stderr.write(f"\ntwofold: {place.lost}\n")
            sys.stderr.flush()
            os._exit(1)
