"""How a benchmark measures and tells: two sides in turns, memory in its own process, a table, a line of JSON."""

from __future__ import annotations

import importlib
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of both sides (medians), and how much longer ours takes (median over the pairs)."""

    ours: float
    other: float
    ratio: float
    repetitions: int


def compare(ours: Callable[[], object], other: Callable[[], object], repetitions: int = 5) -> Comparison:
    """Time two sides in turns, after one untimed turn each, so that a busy machine disturbs both alike."""
    ours()
    other()
    pairs = [(_seconds(ours), _seconds(other)) for _ in range(repetitions)]
    return Comparison(
        median(pair[0] for pair in pairs),
        median(pair[1] for pair in pairs),
        median(mine / theirs for mine, theirs in pairs),
        repetitions,
    )


def _seconds(side: Callable[[], object]) -> float:
    start = perf_counter()
    side()
    return perf_counter() - start


def peak_memory(target: str, *arguments: str) -> float:
    """Run `package.module:function` with these words in a fresh process; return its peak resident memory in MiB."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.report", target, *arguments],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{target} failed in its own process: {run.stderr.strip().splitlines()[-1:]}")
    return float(run.stdout.strip().splitlines()[-1])


def conditions(packages: Sequence[str], threads: int, repetitions: int) -> str:
    """Say under which conditions the figures hold."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"Python {platform.python_version()}, {versions}; {threads} thread(s); {repetitions} repetitions, median"


def publish(title: str, rows: Sequence[Mapping[str, object]], figures: Mapping[str, float], note: str = "") -> None:
    """Print a table for people, then one line of JSON for scripts."""
    tabulate(title, rows, note)
    print(json.dumps(dict(figures)))


def tabulate(title: str, rows: Sequence[Mapping[str, object]], note: str = "") -> None:
    """Print a table for people; columns: the keys of the first row."""
    table = Table(title=title, caption=note)
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _own_peak() -> float:
    # not `ru_maxrss`: Linux hands it down from the process that started this one
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # does not exist on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    getattr(importlib.import_module(module), function)(*sys.argv[2:])
    print(_own_peak())
