"""RoBERTa, and every other text transformer of the library: one vector for what a text says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from modalities.device import place_of
from modalities.encoders.backbone import Released, TextBackbone, learning, read_each
from modalities.encoders.batches import in_batches
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, load_network, seeded

TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "max_position_embeddings": 514, "type_vocab_size": 1,
}  # fmt: skip
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


class Roberta(Unloaded, TextBackbone, Encoder[Sequence[str]]):
    """The last hidden state, averaged over tokens or of the first (Liu et al., 2019; RAS, members 6, 7, 11 and 12)."""

    name: ClassVar[str] = "roberta"
    kind: ClassVar[str] = "text"

    class Config(Pretrained):
        """Which transformer, how many tokens it reads, and how they become one vector."""

        name: str = "FacebookAI/roberta-base"
        tokens: Annotated[int, Field(ge=8, le=8192)] = 192
        pooling: Literal["mean", "first"] = "mean"

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own settings."""
        return int(TINY["hidden_size"] if self.config.preset else self.config.sizes().hidden_size)

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E]; an empty text is a text like any other."""
        return in_batches(list(inputs), self._read, self.width)

    def _read(self, texts: list[str]) -> torch.Tensor:
        # Not the tokenizer's own names: RoBERTa has no types of tokens, though its tokenizer may give some.
        longest = self.config.tokens
        entries = self.tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt").to(
            place_of(self.network)
        )
        return pooled(self.network, entries["input_ids"], entries["attention_mask"], self.config.pooling)

    def cut(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Cut texts into ids of tokens, as many as are read."""
        longest = self.config.tokens
        return [np.array(self.tokenizer(text, truncation=True, max_length=longest)["input_ids"]) for text in texts]

    def release(self) -> Released:
        """Give the network away without its pooler, which stands behind the hidden states."""
        return released(self.network)

    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make a network of these settings, with random weights."""
        return drawn(about)

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn ids of tokens [B, T, 1] into one vector per text, pooled as `encode` does."""
        pooling = self.config.pooling
        return read_each(lambda ids, there: pooled(network, ids, there, pooling), raw, mask, sizes_of(network))

    @cached_property
    def network(self) -> Any:
        """The model, loaded when it is first asked."""
        from transformers import AutoModel

        if self.config.preset:
            return tiny_roberta()
        return load_network(AutoModel, self.config.folder())

    @cached_property
    def tokenizer(self) -> Any:
        """What cuts texts into the model's tokens."""
        from transformers import AutoTokenizer

        if self.config.preset:
            return tiny_tokenizer()
        return AutoTokenizer.from_pretrained(str(self.config.folder()), local_files_only=True, trust_remote_code=False)


def pooled(network: Any, ids_BT: Tensor, mask_BT: Tensor, pooling: Literal["mean", "first"]) -> Tensor:
    """Read tokens, and make one vector per text [B, E] of its hidden states."""
    states_BTE: Tensor = network(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state
    if pooling == "first":
        return states_BTE[:, 0]
    mean_BE: Tensor = (states_BTE * mask_BT[..., None]).sum(1) / mask_BT.sum(1, keepdim=True)
    return mean_BE


def sizes_of(network: Any) -> tuple[int, int, int]:
    """Return the width, how many tokens there are, and the one that fills up."""
    config = network.config
    return config.hidden_size, config.vocab_size, config.pad_token_id or 0


def released(network: Any) -> Released:
    """Give a text transformer away without its pooler, which stands behind the hidden states."""
    if hasattr(network, "pooler"):
        network.pooler = None
    return Released(learning(network), {"config": network.config.to_dict()})


def drawn(about: Mapping[str, Any]) -> Any:
    """Make a text transformer as it was released, with random weights."""
    from transformers import AutoConfig, AutoModel

    return released(seeded(lambda: AutoModel.from_config(AutoConfig.for_model(**about["config"])))).network


def tiny_roberta() -> Any:
    """A small RoBERTa with random weights, for `tiny_tokenizer`."""
    from transformers import RobertaConfig, RobertaModel

    size = len(tiny_tokenizer())
    return seeded(lambda: RobertaModel(RobertaConfig(vocab_size=size, bos_token_id=0, pad_token_id=1, **TINY)))


def tiny_tokenizer() -> Any:
    """RoBERTa's tokenizer without its merges: one token per byte, so that it reads every language."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *letters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106  a word
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("bos", "pad", "eos", "unk", "mask")
    special = {f"{name}_token": token for name, token in zip(names, _SPECIAL, strict=True)}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **special)
