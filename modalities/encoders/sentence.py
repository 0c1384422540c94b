"""Sentence vectors by any model of sentence-transformers, such as MPNet."""

from __future__ import annotations

import tempfile
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from modalities.encoders.minilm import MiniLM
from modalities.encoders.roberta import tiny_roberta, tiny_tokenizer
from modalities.pretrained import Pretrained, Unloaded, frozen

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Sentence(Unloaded, MiniLM):
    """Vectors of length one (Reimers and Gurevych, 2019), as `MiniLM` gives them, of a model of one's choice."""

    name: ClassVar[str] = "sentence"
    assets: ClassVar[tuple[str, ...]] = ()

    class Config(Pretrained):
        """Which model."""

        name: str = "sentence-transformers/all-mpnet-base-v2"

    config: Config

    @cached_property
    def width(self) -> int:  # type: ignore[override]  # known from the model's own settings
        """E."""
        return int(self.network.get_embedding_dimension())

    @property
    def _network(self) -> SentenceTransformer:
        return self.network

    @cached_property
    def network(self) -> SentenceTransformer:
        """The model, loaded when it is first asked."""
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self.config.preset:
            return _tiny()
        place = str(self.config.folder())
        return frozen(SentenceTransformer(place, device="cpu", local_files_only=True))


def _tiny() -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:  # its first module is only made of a folder
        tiny_roberta().save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
        words = Transformer(folder, max_seq_length=192)
    pooling = Pooling(words.get_embedding_dimension(), "mean")
    return frozen(SentenceTransformer(modules=[words, pooling], device="cpu"))
