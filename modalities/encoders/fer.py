"""A small network's opinion on a face: seven basic expressions, trained on FER2013 (Mini-Xception family).

Its file is a TFLite model of weights rounded to bytes, which OpenCV cannot run; LiteRT can (0.3 ms per face).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from pydantic import Field

from modalities.assets import locate
from modalities.config import Config
from modalities.cues.faces.crop import MARGIN
from modalities.encoders.encoder import Encoder
from modalities.native import hushed
from modalities.types import Faces, Scores

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 64
"""Pixels of the grey picture that the network takes."""


class Fer(Encoder[Faces]):
    """Logarithms of the seven probabilities, in the order of `EXPRESSIONS`."""

    name: ClassVar[str] = "fer"
    kind: ClassVar[str] = "face"
    assets: ClassVar[tuple[str, ...]] = ("fer",)
    width: int = len(EXPRESSIONS)

    class Config(Config):
        """Where logarithms end."""

        floor: Annotated[float, Field(gt=0, lt=1)] = 1e-3  # a smaller probability counts as this

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._network: Interpreter | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "_network": None}

    def encode(self, inputs: Faces) -> Scores:
        """One vector per face [N, 7]; each depends on its own row alone."""
        rows = [np.log(np.maximum(self._probabilities(crop), self.config.floor)) for crop in inputs.crops]
        return np.array(rows, np.float32).reshape(len(inputs), self.width)

    def _probabilities(self, crop: NDArray[np.uint8]) -> Scores:
        if self._network is None:
            with hushed():
                self._network = Interpreter(model_path=str(locate("fer")), num_threads=1)
                self._network.allocate_tensors()
        values = tight(crop).astype(np.float32) / 127.5 - 1
        self._network.set_tensor(self._network.get_input_details()[0]["index"], values[None, :, :, None])
        self._network.invoke()
        return np.asarray(self._network.get_tensor(self._network.get_output_details()[0]["index"])[0], np.float32)


def tight(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the margin off a crop, since FER2013 has none: the face alone, grey [64, 64]."""
    edge = round(len(crop) * (1 - 1 / MARGIN) / 2)
    grey = cv2.cvtColor(crop[edge : len(crop) - edge, edge : len(crop) - edge], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
