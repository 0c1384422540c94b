"""Sentence vectors by MiniLM: 384 numbers for what a text means, offline and on the CPU."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from modalities.assets import locate
from modalities.encoders.encoder import Encoder
from modalities.encoders.sentence import Sentence, load_sentences

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class MiniLM(Sentence):
    """all-MiniLM-L6-v2 (Reimers and Gurevych, 2019; Wang et al., 2020), which comes with the project."""

    name: ClassVar[str] = "minilm"
    assets: ClassVar[tuple[str, ...]] = ("minilm",)
    width: int = 384

    class Config(Encoder.Config):
        """It has no settings."""

    @cached_property
    def network(self) -> SentenceTransformer:
        """The model, loaded when it is first asked."""
        return load_sentences(locate("minilm"))
