"""Sentence vectors by MiniLM: 384 numbers for what a text means, offline and on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.assets import locate
from modalities.encoders.encoder import Encoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class MiniLM(Encoder[Sequence[str]]):
    """all-MiniLM-L6-v2 (Reimers and Gurevych, 2019; Wang et al., 2020)."""

    name: ClassVar[str] = "minilm"
    kind: ClassVar[str] = "text"
    assets: ClassVar[tuple[str, ...]] = ("minilm",)
    width: int = 384

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, 384] of length one; an empty text is a text like any other."""
        if not len(inputs):
            return np.zeros((0, self.width), np.float32)
        vectors: NDArray[np.float32] = self._network.encode(
            list(inputs), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    @cached_property
    def _network(self) -> SentenceTransformer:
        # Imported here because it takes seconds, and a plan or a help page needs none of it.
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # one bar per actor that starts tells nobody anything
        return SentenceTransformer(str(locate("minilm")), device="cpu", local_files_only=True)
