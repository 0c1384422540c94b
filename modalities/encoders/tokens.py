"""Tokens: texts as the numbers that a language model reads, for heads that train their own backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.catalog import ENCODERS, build
from modalities.encoders.backbone import TextBackbone
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Origin


class Tokens(Encoder[Sequence[str]]):
    """Ids of tokens: a step is a token, so a text has as many steps as it is long."""

    name: ClassVar[str] = "tokens"
    kind: ClassVar[str] = "text"
    width: int = 1

    class Config(Encoder.Config):
        """Settings of the encoder whose tokens these are: the same as those of the backbone in the head."""

        model: dict[str, Any] = {"kind": "roberta"}

        @property
        def origin(self) -> Origin:
            """Where the tokenizer comes from."""
            found: Origin = build(self.model, ENCODERS).config.origin
            return found

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._model = build(config.model, ENCODERS)
        if not isinstance(self._model, TextBackbone):
            raise TypeError(f"the encoder {self._model.name} has no tokens; name one that reads text by a network")

    def encode(self, inputs: Sequence[str]) -> list[NDArray[np.int64]]:  # type: ignore[override]  # texts differ in length
        """Turn each text into its ids [T, 1]."""
        return [ids[:, None] for ids in self._model.cut(inputs)]
