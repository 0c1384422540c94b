"""Servers in processes of their own, around a bundle of toys, and clients that ask them without a pause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.serving.server import below, free_port
from ensemble import bundle
from ensemble.plan import Plan
from ensemble.write import Origin, document
from serve.client import Client
from tests import films, toys
from tests.faults.runs import PATIENCE, ROOT


def make_bundle(folder: Path, moods: Path) -> Path:
    """Save the toys; the ears have moods."""
    table = toys.settings().model_dump(mode="json")
    table["modalities"]["audio"]["settings"]["encoder"] = {"kind": "tests.faults.moody:Moody", "moods": str(moods)}
    plan = Plan.of(type(toys.settings()).model_validate(table))
    for number, part in enumerate([*plan.heads.values(), plan.fusion]):
        toys.randomise(part, number)
    bundle.save(plan, folder)
    return folder


def make_clip(path: Path, seconds: float) -> Path:
    """Write the toy film as a file."""
    return films.write(films.film(seconds), path)


def expected(folder: Path, clip: Path) -> dict[str, Any]:
    """Return what the same bundle says in this process."""
    with bundle.load(folder) as recognizer:
        return document(recognizer.predict(clip), Origin.of(folder))


class Server:
    """`twofold serve` in a process group of its own."""

    def __init__(self, bundle_folder: Path, folder: Path, settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        (folder / "server.toml").write_text(f'{settings}\n[jobs]\nfolder = "{folder / "jobs"}"\nlease = 5\n')
        words = ["serve", str(bundle_folder), "--settings", str(folder / "server.toml"), "--port", str(self.port)]
        self._words = [sys.executable, "-m", "twofold", *words]
        self._log = folder / "server.log"
        self._run: Any = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
        with self._log.open("ab") as out:
            self._run = subprocess.Popen(
                self._words, cwd=ROOT, stdout=out, stderr=out, start_new_session=True, env=environment
            )
        end = time.monotonic() + 2 * PATIENCE
        while not self.is_ready():
            assert self._run.poll() is None, self.told
            assert time.monotonic() < end, self.told
            time.sleep(0.2)

    def is_ready(self) -> bool:
        """Whether it answers."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/readyz", timeout=10).status_code == 200
        return False

    def find(self, *words: str) -> list[int]:
        """Return processes below it with all these words in their titles."""
        found = []
        for pid in below(self._run.pid):
            with suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if all(word in title for word in words):
                    found.append(pid)
        return found

    def kill(self) -> None:
        """SIGKILL everything at once: the machine has lost its power."""
        for pid in [self._run.pid, *below(self._run.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._run.wait()

    def stop(self) -> None:
        """End it as a person would; nothing of it stays."""
        if self._run is None or self._run.poll() is not None:
            return
        left = below(self._run.pid)
        self._run.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self._run.wait(timeout=60)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def told(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-3000:]


@contextmanager
def serving(bundle_folder: Path, folder: Path, settings: str) -> Iterator[Server]:
    """Run a server for as long as the block lasts."""
    server = Server(bundle_folder, folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@dataclass
class Load:
    """Clients that send a clip again and again; every answer is compared with what it must be."""

    address: str
    clip: Path
    wanted: dict[str, Any]
    answers: int = 0
    degraded: int = 0
    slowest: float = 0.0
    clean_since: float = field(default_factory=time.monotonic)
    wrong: list[str] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def of(self, clients: int) -> Iterator[Load]:
        """Let so many clients ask for as long as the block lasts."""
        threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads), "a request was never answered"

    def _ask(self) -> None:
        with Client(self.address) as client:
            while not self._over.is_set():
                began = time.monotonic()
                try:
                    answer = client.predict(self.clip)
                    problem = compare(answer, self.wanted)
                except Exception as error:  # noqa: BLE001  whatever it is, a request was lost
                    answer, problem = {"degraded": {}}, f"{type(error).__name__}: {error}"
                with self._lock:
                    self.answers += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    if problem:
                        self.wrong.append(problem)
                    if answer["degraded"]:
                        self.degraded += 1
                        self.reasons |= set(answer["degraded"].values())
                    if problem or answer["degraded"]:
                        self.clean_since = time.monotonic()

    def until(self, happened: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait for something."""
        end = time.monotonic() + patience
        while not happened():
            assert time.monotonic() < end, f"it did not happen in {patience} s; {self}"
            time.sleep(0.05)

    def more(self, count: int) -> None:
        """Wait for so many more answers."""
        wanted = self.answers + count
        self.until(lambda: self.answers >= wanted)


def compare(answer: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return what is wrong with an answer: a member that is absent must be told of, and the rest must be the same."""
    if not answer["degraded"]:
        return _unlike(answer["segments"], wanted["segments"])
    known = {(s["start"], s["end"], s["track"]): s for s in wanted["segments"]}
    for segment in answer["segments"]:
        other = known.get((segment["start"], segment["end"], segment["track"]))
        if other is None:
            return f"a segment that is not there: {segment['start']}"
        absent = set(other["present"]) - set(segment["present"])
        if set(segment["present"]) - set(other["present"]) or absent - set(answer["degraded"]):
            return f"{absent} absent at {segment['start']}, but only {set(answer['degraded'])} are told of"
        if not absent and (problem := _unlike([segment], [other])):
            return problem
    return ""


def _unlike(found: list[Any], wanted: list[Any]) -> str:
    if [(s["start"], s["end"], s["track"], s["present"]) for s in found] != [
        (s["start"], s["end"], s["track"], s["present"]) for s in wanted
    ]:
        return "other segments or members"
    for one, other in zip(found, wanted, strict=True):
        for task, scores in other["scores"].items():
            mine = np.array([np.nan if v is None else v for v in one["scores"][task]], float)
            theirs = np.array([np.nan if v is None else v for v in scores], float)
            if not np.allclose(mine, theirs, atol=2e-5, equal_nan=True):
                return f"{task} differs at {other['start']}"
    return ""
