"""Match head: vectors of a frozen CLIP against the texts of labels. Nothing is trained; what a label means is its text.

The vectors of the labels are read once, when the head is reset, saved or first asked, and kept in its state: a bundle
answers without the text side, which is loaded only where a request brings texts of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from modalities.encoders.clip import Clip, ClipText
from modalities.heads.head import Answer
from modalities.heads.matching.matching import MatchingHead
from modalities.types import Array


class MatchHead(MatchingHead):
    """Mean cosines of a segment's pictures to the texts of each label; for the encoder `clip_picture`."""

    name: ClassVar[str] = "match"

    labels: Tensor
    own_scale: Tensor

    def __init__(self, config: MatchingHead.Config) -> None:
        super().__init__(config)
        self.register_buffer("labels", torch.zeros(sum(map(len, self.speaks.values())), config.width))
        self.register_buffer("own_scale", torch.ones(()))
        self._texts = ClipText(Clip.Config(name=config.name, revision=config.revision, preset=config.preset))

    def read(self, texts: Sequence[str]) -> Tensor:
        """Turn texts into vectors of length one [P, E] by the frozen text side."""
        vectors = torch.from_numpy(self._texts.encode(texts)).to(self.place)
        if vectors.shape[1] != self.config.width:
            raise ValueError(
                f"the texts of {self.config.name} have {vectors.shape[1]} numbers, but the pictures of its encoder "
                f"{self.config.width}; name the same model and preset in the encoder clip_picture and in the head"
            )
        return functional.normalize(vectors, dim=-1)

    def multiplier(self) -> Tensor:
        """Return the scale that the model learnt."""
        return self.own_scale

    @torch.no_grad()
    def reset(self) -> None:
        """Read the labels' texts: these are all the weights there are."""
        self.labels.copy_(self.label_vectors(self.prompts))
        self.own_scale.copy_(self._texts.loaded.network.logit_scale.exp())

    def settle(self) -> None:
        """Read the labels' texts, unless they were read or restored."""
        if not self.labels.any():  # vectors of length one, once they are read
            self.reset()

    def state(self) -> dict[str, Array]:
        """Return the labels' vectors and the scale."""
        self.settle()
        return super().state()

    @property
    def features_width(self) -> int:
        """D of its features: the mean vector."""
        return self.config.width

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Compare vectors [B, T, E] with the labels."""
        self.settle()
        seen_BTE = torch.where(mask[..., None], steps.float(), 0.0)
        return self.answer(seen_BTE, mask, self.labels)
