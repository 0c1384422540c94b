"""Pixels: pictures as they are, only smaller, for heads that train their own backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from modalities.config import Config
from modalities.encoders.encoder import Encoder
from modalities.types import Array


class Pixels(Encoder[Sequence[Array]]):
    """Squares of bytes: every picture is seen whole, a wide one compressed."""

    name: ClassVar[str] = "pixels"
    kind: ClassVar[str] = "picture"
    width: int = 3

    class Config(Config):
        """Side of the squares in pixels."""

        size: PositiveInt = 64

    config: Config

    def encode(self, inputs: Sequence[Array]) -> NDArray[np.uint8]:
        """Turn RGB images [H, W, 3] into squares [N, size, size, 3]."""
        side = self.config.size
        squares = np.zeros((len(inputs), side, side, 3), np.uint8)
        for row, image in enumerate(inputs):
            squares[row] = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return squares
