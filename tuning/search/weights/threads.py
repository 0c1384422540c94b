"""Judging candidates in several threads, each of which has its own candidates and waits for nobody.

Torch's own threads meet after every operation. A tile's take microseconds, so on a machine that has other work too
they would wait for each other most of the time: one was seen to be a hundred times slower than the same on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from modalities.types import Array


def in_threads(judge: Callable[[Tensor], Array], weights_CNM: Tensor, least: int) -> Array:
    """Judge [C, N, M] in as many threads as torch has, `least` candidates in each; a GPU needs but one."""
    threads = torch.get_num_threads()
    wanted = min(threads, -(-weights_CNM.shape[1] // least)) if weights_CNM.device.type == "cpu" else 1
    parts = weights_CNM.tensor_split(max(wanted, 1), dim=1)
    try:
        with ThreadPoolExecutor(len(parts), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return np.concatenate(list(pool.map(torch.inference_mode()(judge), parts)))
    finally:
        torch.set_num_threads(threads)  # a thread that is made later asks what was set last, wherever it was
