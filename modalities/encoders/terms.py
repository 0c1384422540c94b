"""Terms: which words and pairs of words a text has, hashed; for long texts such as captions.

Unlike `ngrams` it counts no letters, keeps words apart from pairs, and a word that comes again counts less and less.
Which terms are common is learnt by the head that stands on it, from the spread of its inputs (`linear`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.feature_extraction.text import HashingVectorizer

from modalities.config import Choice
from modalities.encoders.ngrams import Hashed

WORD = r"\w\w+"


class Terms(Hashed):
    """Half of the vector is words, half pairs of neighbours."""

    name: ClassVar[str] = "terms"

    class Config(Hashed.Config):
        """Length of the vector."""

        width: Annotated[int, Choice((2048, 4096, 8192))] = Field(4096, ge=2, multiple_of=2)

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.counters = tuple(
            HashingVectorizer(n_features=config.width // 2, ngram_range=(words, words), norm=None, token_pattern=WORD)
            for words in (1, 2)
        )

    def weigh(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Let a term that comes again count less and less."""
        weighed: NDArray[np.float64] = np.sign(counts) * np.log1p(np.abs(counts))
        return weighed
