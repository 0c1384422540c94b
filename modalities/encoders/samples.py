"""Samples: sound as it is, for heads that train their own backbone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.encoders.encoder import SoundEncoder
from modalities.types import SAMPLE_RATE, SECOND, Array, Times

FRAME = 320
"""Samples of a step (20 ms): what speech transformers move on by."""
NO_SAMPLE = np.float32(1e30)
"""Stands in the last step where the sound has ended."""
LOUDEST = 1e20
"""What is beyond is no sample."""


class Samples(SoundEncoder):
    """Steps of 320 samples each, nothing left out; where the last one is not full, it says so by `NO_SAMPLE`."""

    name: ClassVar[str] = "samples"
    width: int = FRAME

    def encode(self, inputs: Array) -> NDArray[np.float32]:
        """Turn sound [N] into steps [ceil(N / 320), 320]."""
        steps = np.full((-(-len(inputs) // FRAME), FRAME), NO_SAMPLE, np.float32)
        steps.reshape(-1)[: len(inputs)] = inputs
        return steps

    def times(self, steps: int) -> Times:
        """When each step begins [T], in microseconds: the sound may end before the middle of the last."""
        return FRAME * np.arange(steps, dtype=np.int64) * SECOND // SAMPLE_RATE
