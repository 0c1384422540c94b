"""The face encoder that works as installed: what the face does, beside what a small network makes of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from modalities.config import Config
from modalities.encoders.blendshapes import Blendshapes
from modalities.encoders.encoder import Encoder
from modalities.encoders.fer import Fer
from modalities.types import Faces, Scores


class EmbeddedFace(Encoder[Faces]):
    """The vectors of `Blendshapes` and of `Fer`, beside each other."""

    name: ClassVar[str] = "face_embedded"
    kind: ClassVar[str] = "face"
    assets: ClassVar[tuple[str, ...]] = Blendshapes.assets + Fer.assets
    width: int = Blendshapes.width + Fer.width

    class Config(Config):
        """Settings of both."""

        blendshapes: Blendshapes.Config = Blendshapes.Config()
        fer: Fer.Config = Fer.Config()

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.parts: tuple[Encoder[Faces], ...] = (Blendshapes(config.blendshapes), Fer(config.fer))

    def encode(self, inputs: Faces) -> Scores:
        """One vector per face [N, E]; each depends on its own row alone."""
        return np.concatenate([part.encode(inputs) for part in self.parts], axis=1)
