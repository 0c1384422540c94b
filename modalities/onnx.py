"""Opening ONNX networks: on the CPU, with one thread, once per process.

One thread because a worker has one: several workers share a machine and parallelism is theirs. A
session keeps nothing between calls and may be called from several threads, so every part of a process shares it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from onnxruntime import InferenceSession, SessionOptions


@cache
def open_network(path: Path) -> InferenceSession:
    """Read a network from an `.onnx` or `.ort` file; raises what onnxruntime raises where it is none."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
