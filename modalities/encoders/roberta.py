"""RoBERTa, and every other text transformer of the library: one vector for what a text says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from modalities.encoders.batches import in_batches
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, load_network, seeded

TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "max_position_embeddings": 514, "type_vocab_size": 1,
}  # fmt: skip
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


class Roberta(Unloaded, Encoder[Sequence[str]]):
    """The last hidden state, averaged over tokens or of the first (Liu et al., 2019; RAS, members 6, 7, 11 and 12)."""

    name: ClassVar[str] = "roberta"
    kind: ClassVar[str] = "text"

    class Config(Pretrained):
        """Which transformer, how many tokens it reads, and how they become one vector."""

        name: str = "FacebookAI/roberta-base"
        tokens: Annotated[int, Field(ge=8, le=512)] = 192
        pooling: Literal["mean", "first"] = "mean"

    config: Config

    @cached_property
    def width(self) -> int:  # type: ignore[override]  # known from the model's own settings
        """E."""
        return int(self.network.config.hidden_size)

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E]; an empty text is a text like any other."""
        return in_batches(list(inputs), self._read, self.width)

    def _read(self, texts: list[str]) -> torch.Tensor:
        # Not the tokenizer's own names: RoBERTa has no types of tokens, though its tokenizer may give some.
        longest = self.config.tokens
        entries = self.tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        mask = entries["attention_mask"]
        states: torch.Tensor = self.network(input_ids=entries["input_ids"], attention_mask=mask).last_hidden_state
        if self.config.pooling == "first":
            return states[:, 0]
        mean: torch.Tensor = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return mean

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
