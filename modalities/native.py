"""The native libraries below: how many threads they take, and what they print while they start.

Everything here is the process's own affair, so it is called where a process begins: the command line, a Ray actor, a
training worker, a benchmark. Two workers with two threads each on two cores are slower than two with one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch


def use_threads(count: int) -> None:
    """Let torch and OpenCV of this process use so many threads; ONNX, LiteRT and decoders have one each anyway."""
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


@contextmanager
def hushed() -> Iterator[None]:
    """Drop what native code prints on stderr while a network opens: delegates and versions, meant for its authors.

    Python's own errors are raised as ever. Set `TWOFOLD_VERBOSE` to see everything.
    """
    if os.environ.get("TWOFOLD_VERBOSE"):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  a device, not a path of ours
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
