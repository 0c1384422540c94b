"""The `serve` command: starts Ray and the graph, says where it listens, and ends both when it is told to.

run(Path("runs/demo/bundle"), ServerSettings(), report=print)
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # before `import ray`: a token of ours would lock other tools out
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")

import ray
from ray import serve

from ensemble.manifest import read_manifest
from modalities.busy import started
from serve.app import application
from serve.graph.placement import Placement
from serve.settings import ServerSettings, SettingsError

NAME = "twofold"
"""Of the application."""
ROOM = 0.3
"""Share of the memory behind `/dev/shm` that Ray's object store may take at most."""
PASSED_ON = (
    "TWOFOLD_DEVICE",
    "TWOFOLD_OFFLINE",
    "TWOFOLD_CACHE",
    "TWOFOLD_SEND_FRAMES_TO",
    "TWOFOLD_WEBHOOK_SECRET",
    "HF_HOME",
)
"""Environment variables that replicas on other machines are told."""


def run(folder: Path, settings: ServerSettings, report: Callable[[str], None], *, clip: str = "talk.mp4") -> None:
    """Serve a bundle until SIGINT or SIGTERM.

    Raises BundleError or SettingsError before anything is started, and SettingsError where the port is taken.
    """
    read_manifest(folder)
    _check_port(settings.http.host, settings.http.port)
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with running(settings.graph.store), serving(folder, settings) as placement:
        report(_welcome(folder, settings, placement, clip))
        told.wait()


@contextmanager
def running(store: int) -> Iterator[None]:
    """Use the Ray that is there (RAY_ADDRESS), or start one on this machine for as long as the block lasts."""
    if ray.is_initialized():
        yield
        return
    said = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    how: dict[str, Any] = {"runtime_env": {"env_vars": said}} if "RAY_ADDRESS" in os.environ else _own(store)
    started(lambda: ray.init(logging_level="ERROR", log_to_driver=False, **how))
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def serving(folder: Path, settings: ServerSettings) -> Iterator[Placement]:
    """Run the graph for as long as the block lasts; it is ready when the block begins."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(http_options={"host": settings.http.host, "port": settings.http.port}, logging_config=_quiet())
    try:
        made, placement = application(folder, settings)
        serve.run(made, name=NAME, route_prefix="/", logging_config=_quiet())
        yield placement
    finally:
        serve.shutdown()


def _own(store: int) -> dict[str, Any]:
    there = os.statvfs("/dev/shm") if Path("/dev/shm").exists() else None  # noqa: S108  where Ray keeps its store
    free = there.f_bavail * there.f_frsize * ROOM if there else store
    return {
        "num_cpus": len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": max(80_000_000, min(store, int(free))),
    }


def _quiet() -> dict[str, Any]:
    return {"log_level": "WARNING", "enable_access_log": False}


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            f"nobody can listen at {host}:{port} ({error.strerror or error}); choose another with --host or --port"
        ) from error


def _welcome(folder: Path, settings: ServerSettings, placement: Placement, clip: str) -> str:
    shown = f"[{settings.http.host}]" if ":" in settings.http.host else settings.http.host
    address = f"http://{shown}:{settings.http.port}"
    key = ' -H "X-API-Key: $TWOFOLD_KEY"' if settings.http.keys else ""
    return "\n".join(
        (
            f"serving {folder} ({placement.kind}, {placement.processes} at a time) at {address}",
            f"  curl{key} -F file=@{shlex.quote(clip)} {address}/v1/predict",
            f"  {address}/ is a page to drop clips on; Ctrl-C ends it",
        )
    )
