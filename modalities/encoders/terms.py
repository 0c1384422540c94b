"""Terms: which words and pairs of words a text has, hashed; for long texts such as captions.

Unlike `ngrams` it counts no letters, keeps words apart from pairs, and a word that comes again counts less and less.
Which terms are common is learnt by the head that stands on it, from the spread of its inputs (`linear`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.feature_extraction.text import HashingVectorizer

from modalities.config import Choice
from modalities.encoders.encoder import Encoder

WORD = r"\w\w+"


class Terms(Encoder[Sequence[str]]):
    """Half of the vector is words, half pairs of neighbours."""

    name: ClassVar[str] = "terms"
    kind: ClassVar[str] = "text"

    class Config(Encoder.Config):
        """Length of the vector."""

        width: Annotated[int, Choice((2048, 4096, 8192))] = Field(4096, ge=2, multiple_of=2)

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._counters = [
            HashingVectorizer(n_features=config.width // 2, ngram_range=(words, words), norm=None, token_pattern=WORD)
            for words in (1, 2)
        ]

    @property
    def width(self) -> int:
        """E, as set."""
        return self.config.width

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E] of length one; zero for a text without a word."""
        if not len(inputs):
            return np.zeros((0, self.width), np.float32)
        counts = np.hstack([counter.transform(list(inputs)).toarray() for counter in self._counters])
        vectors: NDArray[np.float32] = (np.sign(counts) * np.log1p(np.abs(counts))).astype(np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(length > 0, length, 1)
        return vectors
