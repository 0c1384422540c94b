"""Crops: faces as they are, only smaller, for heads that train their own backbone."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from modalities.config import Config
from modalities.encoders.encoder import Encoder
from modalities.types import Faces


class Crops(Encoder[Faces]):
    """Squares of bytes, in colours or in grey."""

    name: ClassVar[str] = "crops"
    kind: ClassVar[str] = "face"

    class Config(Config):
        """Side of the squares in pixels, and whether colours are kept: three numbers for each pixel, or one."""

        size: PositiveInt = 48
        grey: bool = False

    config: Config

    @property
    def width(self) -> int:
        """Colours of a pixel."""
        return 1 if self.config.grey else 3

    def encode(self, inputs: Faces) -> NDArray[np.uint8]:
        """Turn the crops of N faces into squares [N, size, size, 3], or 1."""
        side = self.config.size
        squares = np.zeros((len(inputs), side, side, self.width), np.uint8)
        for row, crop in enumerate(inputs.crops):
            seen = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) if self.config.grey else crop
            smaller = side < len(crop)
            resized = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
            squares[row] = resized.reshape(side, side, self.width)
        return squares
