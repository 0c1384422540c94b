"""A server in a process of its own, as the command starts it; what it and everything below it hold in memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

PATIENCE = 600.0
ROOT = Path(__file__).parents[2]
WATCHED = ("ServeReplica", "ServeController", "ProxyActor", "raylet", "gcs_server")
"""Titles of the processes that answer requests, or hold what passes between them."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    address: str
    pid: int
    ready: float
    """Seconds until it answered."""

    def memory(self) -> dict[str, float]:
        """Return MiB of each process that answers requests: its own pages, and its share of those it shares."""
        found: dict[str, float] = {}
        for pid in below(self.pid):
            with suppress(OSError, StopIteration, IndexError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if any(word in title for word in WATCHED):
                    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
                    found[f"{_short(title)} {pid}"] = int(line.split()[1]) / 1024
        return found


@contextmanager
def serving(bundle: Path, folder: Path, placement: str) -> Iterator[Server]:
    """Start `twofold serve`, and end it with the block."""
    port = free_port()
    settings = folder / f"{placement}.toml"
    settings.write_text(f'[jobs]\nfolder = "{folder / placement}"\n[http]\nwaiting = 1000\n', encoding="utf-8")
    words = ["serve", str(bundle), "--settings", str(settings), "--port", str(port), "--placement", placement]
    began = time.monotonic()
    log = folder / f"{placement}.log"
    with log.open("w") as out:
        run = subprocess.Popen(
            [sys.executable, "-m", "twofold", *words], cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(run, address, log)
        yield Server(address, run.pid, time.monotonic() - began)
    finally:
        run.send_signal(signal.SIGINT)
        try:
            run.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def below(pid: int) -> list[int]:
    """Return all processes that were started below one."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def _wait(run: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if run.poll() is not None:
            raise RuntimeError(f"the server ended with {run.returncode}: {log.read_text(encoding='utf-8')[-2000:]}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the server was not ready in {PATIENCE:g} s: {log.read_text(encoding='utf-8')[-2000:]}")


def _short(title: str) -> str:
    words = title.replace("::", ":").split(":")
    return next((word.split(".")[0] for word in words if word.split(".")[0] in ("gate", "conductor")), "") or next(
        (word for word in WATCHED if word in title), title[:20]
    )
