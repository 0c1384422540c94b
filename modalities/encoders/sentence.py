"""Sentence vectors by any model of sentence-transformers, such as MPNet."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modalities.encoders.backbone import Released, TextBackbone, read_each
from modalities.encoders.encoder import Encoder
from modalities.encoders.roberta import TINY, drawn, pooled, released, sizes_of, tiny_roberta, tiny_tokenizer
from modalities.pretrained import Pretrained, Unloaded, frozen, readable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_POOLINGS: Mapping[str, Literal["mean", "first"]] = {"mean": "mean", "cls": "first"}
"""Of sentence-transformers → ours."""
_MODULES = "modules.json"


class Sentence(Unloaded, TextBackbone, Encoder[Sequence[str]]):
    """Vectors of length one (Reimers and Gurevych, 2019) of a model of one's choice."""

    name: ClassVar[str] = "sentence"
    kind: ClassVar[str] = "text"

    class Config(Pretrained):
        """Which model."""

        name: str = "sentence-transformers/all-mpnet-base-v2"

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own settings where it ends in a pooling, as most do; else from the model."""
        return self._pooled() or int(self.network.get_embedding_dimension())

    def _pooled(self) -> int | None:
        from sentence_transformers.sentence_transformer.modules import Pooling

        if self.config.preset:
            return TINY["hidden_size"]
        folder = self.config.folder()
        if not (folder / _MODULES).is_file():
            return None
        modules = json.loads((folder / _MODULES).read_text(encoding="utf-8"))
        last = [module for module in modules if not module["type"].endswith(".Normalize")][-1]
        if not last["type"].endswith(".Pooling"):
            return None
        return int(Pooling.load(str(folder), last["path"], local_files_only=True).get_embedding_dimension())

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E] of length one; an empty text is a text like any other."""
        if not len(inputs):
            return np.zeros((0, self.width), np.float32)
        vectors: NDArray[np.float32] = self.network.encode(
            list(inputs), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors

    def cut(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Cut texts into ids of tokens, as many as are read."""
        return [self.network.preprocess([text])["input_ids"][0].numpy() for text in texts]

    def release(self) -> Released:
        """Give the transformer away; what stands behind it has no weights, or the model is refused."""
        transformer, pooling, *rest = self.network
        mode = _POOLINGS.get(getattr(pooling, "pooling_mode", ""))
        if mode is None or any(weight for module in rest for weight in module.state_dict()):
            raise ValueError(
                "of sentence models, only those that end in the mean or the first of the hidden states can be trained "
                "inside a head; name another, or train a head over this one's vectors"
            )
        network, about = released(transformer.auto_model)
        network.pooling = mode
        return Released(network, {**about, "pooling": mode})

    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make a transformer of these settings, with random weights."""
        network = drawn(about)
        network.pooling = about["pooling"]
        return network

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn ids of tokens [B, T, 1] into one vector of length one per text."""

        def read(ids: Tensor, there: Tensor) -> Tensor:
            return functional.normalize(pooled(network, ids, there, network.pooling), dim=-1)

        return read_each(read, raw, mask, sizes_of(network))

    @cached_property
    def network(self) -> SentenceTransformer:
        """The model, loaded when it is first asked."""
        return _tiny() if self.config.preset else load_sentences(self.config.folder())


def load_sentences(folder: Path) -> SentenceTransformer:
    """Load a model of sentence-transformers from its folder, frozen."""
    # Imported here because it takes seconds, and a plan or a help page needs none of it.
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar per actor that starts tells nobody anything
    with readable(folder):
        return frozen(SentenceTransformer(str(folder), device="cpu", local_files_only=True))


def _tiny() -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:  # its first module is only made of a folder
        tiny_roberta().save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
        words = Transformer(folder, max_seq_length=192)
    pooling = Pooling(words.get_embedding_dimension(), "mean")
    return frozen(SentenceTransformer(modules=[words, pooling], device="cpu"))
