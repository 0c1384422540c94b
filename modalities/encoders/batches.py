"""Rows of faces or texts through a network, some at a time, so that memory does not grow with a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SIZE = 16


def in_batches(
    rows: Sequence[Any] | NDArray[Any], network: Callable[[Any], torch.Tensor], width: int
) -> NDArray[np.float32]:
    """Vectors [N, E] of rows [N]: `network` turns some of them into a tensor [n, E], without gradient."""
    with torch.inference_mode():
        parts = [network(rows[first : first + SIZE]).cpu().numpy() for first in range(0, len(rows), SIZE)]
    return np.concatenate([np.zeros((0, width), np.float32), *parts])
