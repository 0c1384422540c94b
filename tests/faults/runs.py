"""Runs in processes of their own, which a test kills with SIGKILL, and what they leave running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.serving.server import below

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds until something must have happened


class Run:
    """A driver that was started: `python -m tests.faults.driver …`."""

    def __init__(self, *words: str | Path, log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "tests.faults.driver", *map(str, words)]
        with log.open("ab") as out:
            self._driver = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
        self._seen: dict[int, str] = {}

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert self._driver.poll() is None, f"it ended before that happened: {self.told}"
            assert time.monotonic() < end, f"it did not happen in {PATIENCE} s: {self.told}"
            time.sleep(0.03)

    def find(self, title: str) -> list[int]:
        """Return the processes below the driver with these words in their title."""
        return [pid for pid, name in _below(self._driver.pid).items() if title in name]

    def kill(self) -> None:
        """Kill the driver; nothing below it is told."""
        self._seen |= _below(self._driver.pid)
        self._driver.send_signal(signal.SIGKILL)
        self._driver.wait()

    def finish(self) -> None:
        """Wait for a good end."""
        assert self._driver.wait(timeout=2 * PATIENCE) == 0, self.told

    def clean(self) -> None:
        """End whatever it left running."""
        if self._driver.poll() is None:
            self.kill()
        for pid, name in self._seen.items():
            if _title(pid) == name:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @property
    def told(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-3000:]


@contextmanager
def started(*words: str | Path, log: Path) -> Iterator[Run]:
    """Start a run; nothing of it is left afterwards."""
    run = Run(*words, log=log)
    try:
        yield run
    finally:
        run.clean()


def _below(pid: int) -> dict[int, str]:
    return {child: _title(child) for child in below(pid)}


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
