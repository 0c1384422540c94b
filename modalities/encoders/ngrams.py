"""Hashed n-grams: vectors of texts without any network, for those who have no sentence encoder, and to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.feature_extraction.text import HashingVectorizer

from modalities.config import Choice
from modalities.encoders.encoder import Encoder


class Ngrams(Encoder[Sequence[str]]):
    """Half of the vector counts words and pairs of words, half 3 to 5 letters within a word (weighted equally)."""

    name: ClassVar[str] = "ngrams"
    kind: ClassVar[str] = "text"

    class Config(Encoder.Config):
        """Length of the vector."""

        width: Annotated[int, Choice((256, 512, 1024))] = Field(512, ge=2, multiple_of=2)

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        half = config.width // 2
        self._counters = (
            HashingVectorizer(n_features=half, ngram_range=(1, 2), token_pattern=r"\w+"),  # noqa: S106  a word
            HashingVectorizer(n_features=half, ngram_range=(3, 5), analyzer="char_wb"),
        )

    @property
    def width(self) -> int:
        """E, as set."""
        return self.config.width

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E] of length one; zero for a text without a word."""
        if not len(inputs):
            return np.zeros((0, self.width), np.float32)
        counts = np.hstack([counter.transform(list(inputs)).toarray() for counter in self._counters])
        vectors: NDArray[np.float32] = counts.astype(np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(length > 0, length, 1)
        return vectors
