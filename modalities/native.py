"""The native libraries below: how many threads they take, what they print while they start, who may compile.

Everything here is the process's own affair, so it is called where a process begins: the command line, a Ray actor, a
training worker, a benchmark. Two workers with two threads each on two cores are slower than two with one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import torch
from filelock import FileLock


def use_threads(count: int) -> None:
    """Let torch and OpenCV of this process use so many threads; ONNX, LiteRT and decoders have one each anyway."""
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


_lock, _depth, _kept = threading.Lock(), 0, -1


@contextmanager
def hushed() -> Iterator[None]:
    """Drop what native code prints on stderr while a network opens: delegates and versions, meant for its authors.

    Python's own errors are raised as ever. Several threads may be inside; the last one out opens stderr again. Set
    `TWOFOLD_VERBOSE` to see everything.
    """
    if os.environ.get("TWOFOLD_VERBOSE"):
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _depth, _kept
    with _lock:
        if _depth == 0:
            sys.stderr.flush()
            _kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        _depth += 1


def _leave() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            os.dup2(_kept, 2)
            os.close(_kept)


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let only one process of this user on this machine into the block; the others wait."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    with FileLock(Path(tempfile.gettempdir()) / f"twofold-{name}-{user}.lock"):
        yield
