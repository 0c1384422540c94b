"""Moonshine's steps beside prosody: what is said in sound, and how, on one grid of ten steps per second."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities import moonshine
from modalities.encoders.prosody import ProsodyEncoder, average
from modalities.types import SAMPLE_RATE, Array


class MoonshineEncoder(ProsodyEncoder):
    """Encoder steps of Moonshine tiny (Jeffries et al., 2024), averaged, then those of `ProsodyEncoder`."""

    name: ClassVar[str] = "moonshine"
    assets: ClassVar[tuple[str, ...]] = ("moonshine_encoder",)
    width: int = moonshine.WIDTH + ProsodyEncoder.width

    def encode(self, inputs: Array) -> NDArray[np.float32]:
        """Turn sound [N] into steps [T, E]: at least one, and finite whatever is heard."""
        heard = moonshine.encode(inputs)
        grid = (self.steps(inputs), SAMPLE_RATE / self.config.rate)
        words = average(heard, moonshine.middles(len(heard)), *grid).astype(np.float32)
        return np.hstack([words, super().encode(inputs)])
