"""The other side: the same Recognizer in this process, or in one or two that call it back to back.

python -m benchmarks.serving.here BUNDLE CLIP COUNT      # prints a line when it is warm, and one when it is done
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pydantic_core

from ensemble import bundle
from ensemble.recognizer import Recognizer
from ensemble.write import Origin, document
from modalities.native import use_threads

ROOT = Path(__file__).parents[2]


def answering(recognizer: Recognizer, folder: Path, clip: Path) -> Callable[[], bytes]:
    """Return a function that does what a request asks for: from the clip's file to the bytes of the document."""
    origin = Origin.of(folder)
    return lambda: pydantic_core.to_json(document(recognizer.predict(clip), origin))


def rate(folder: Path, clip: Path, processes: int, each: int) -> float:
    """Clips per second of so many processes that work back to back, each on as many clips; start-up is not counted."""
    words = [sys.executable, "-m", "benchmarks.serving.here", str(folder), str(clip), str(each)]
    runs = [
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for run in runs:
        _line(run)
    began = perf_counter()
    for run in runs:
        _pipe(run.stdin).write("\n")
        _pipe(run.stdin).flush()
    for run in runs:
        _line(run)
    spent = perf_counter() - began
    for run in runs:
        run.wait(timeout=60)
    return processes * each / spent


def _line(run: subprocess.Popen[str]) -> None:
    if not _pipe(run.stdout).readline():
        raise RuntimeError("a process that recognises clips has ended before it was done")


def _pipe(stream: Any) -> Any:
    if stream is None:
        raise RuntimeError("a process was started without pipes")
    return stream


def main() -> None:
    """Warm up, wait for a line, and do the work."""
    folder, clip, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    use_threads(1)
    with bundle.load(folder) as recognizer:
        answer = answering(recognizer, folder, clip)
        answer()
        print("warm", flush=True)
        sys.stdin.readline()
        for _ in range(count):
            answer()
        print("done", flush=True)


if __name__ == "__main__":
    main()
