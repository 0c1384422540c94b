"""Lexicon head: logistic regression on the terms of a text, each known by its id (`terms`); no two share a column.

It learns its vocabulary from the training rows, with what scikit-learn's `TfidfVectorizer` does by default but for
calm counts (`sublinear_tf`): a term weighs (1 + log count) × (1 + log((1 + rows) / (1 + rows that have it))), and a row
has length one. Terms that too few rows have are left out, and a term that training never saw does not count. There is
no layer between: the features are the logits.

    optimiser = "adam", weight_decay = λ       C = 100 / (λ × rows) of scikit-learn's logistic regression
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from modalities.config import Choice
from modalities.heads.head import Answer, Head
from modalities.types import Array

NOTHING = -1
"""The first entry of every vocabulary, which no id is: what is masked or unknown stands there, and weighs nothing."""
SHARPNESS = 10.0
"""By how much inputs of length one are multiplied, so that this head learns at the rates of others (`linear`)."""
START = 0.01
"""Standard deviation of the weights before training."""


class LexiconHead(Head):
    """A weight for each term and label; its vocabulary and its size are part of the state."""

    name: ClassVar[str] = "lexicon"
    rows_to_know: ClassVar[int] = 2**31
    vocabulary: Tensor  # [V] ids, rising
    rarity: Tensor  # [V] inverse document frequencies

    class Config(Head.Config):
        """How many training rows must have a term; `dropout` hides terms."""

        least: Annotated[int, Choice((1, 2, 3, 5)), Field(ge=1)] = 2

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.width != 1:
            raise ValueError(
                f"the head {self.name} takes ids of terms, but steps have {config.width} numbers; "
                "let the modality encode by `terms`"
            )
        self.bias = nn.Parameter(torch.zeros(sum(map(len, config.speaks.values()))))
        self._know(torch.tensor([NOTHING]), torch.zeros(1))

    def _know(self, vocabulary: Tensor, rarity: Tensor) -> None:
        """Take another vocabulary; the weights are drawn anew, where all others draw theirs."""
        self.register_buffer("vocabulary", vocabulary.to(self.place))
        self.register_buffer("rarity", rarity.to(self.place))
        self.weights = nn.Parameter((START * torch.randn(len(vocabulary), len(self.bias))).to(self.place))

    def reset(self) -> None:
        """Draw new weights; the vocabulary stays."""
        with torch.no_grad():
            self.weights.normal_(std=START)
            self.bias.zero_()

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put vocabulary and weights back, of whatever size."""
        if {"vocabulary", "rarity"} <= state.keys():
            with torch.random.fork_rng(devices=[]):
                self._know(torch.from_numpy(state["vocabulary"]), torch.from_numpy(state["rarity"]))
        super().restore(state)

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn the vocabulary from training rows [S, T, 1], and draw weights for it."""
        ids_ST = torch.where(mask, steps[..., 0], NOTHING).sort(1).values
        first_ST = (ids_ST != NOTHING) & (ids_ST != functional.pad(ids_ST, (1, 0), value=NOTHING)[:, :-1])
        ids_V, rows_V = torch.unique(ids_ST[first_ST], return_counts=True)
        common_V = rows_V >= self.config.least
        rarity_V = 1 + torch.log((1 + mask.any(1).sum()) / (1 + rows_V[common_V]))
        self._know(functional.pad(ids_V[common_V], (1, 0), value=NOTHING), functional.pad(rarity_V, (1, 0)))

    @property
    def features_width(self) -> int:
        """D of its features: all logits."""
        return sum(len(names) for names in self.config.speaks.values())

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Count each row's terms, then weigh them."""
        size, rows = len(self.vocabulary), len(steps)
        ids_BT = steps[..., 0].contiguous()
        place_BT = torch.searchsorted(self.vocabulary, ids_BT).clamp_max(size - 1)
        place_BT = torch.where(mask & (self.vocabulary[place_BT] == ids_BT), place_BT, 0)
        first_B1 = size * torch.arange(rows, device=steps.device)[:, None]
        term_N, times_N = torch.unique(first_B1 + place_BT, return_counts=True)  # N: all rows' different terms
        row_N, place_N = term_N // size, term_N % size
        share_N = (1 + times_N.log()) * self.rarity[place_N]
        length_B = share_N.new_zeros(rows).index_add(0, row_N, share_N**2).sqrt().clamp_min(1e-6)
        share_N = functional.dropout(share_N / length_B[row_N], self.config.dropout, self.training)
        said_NC = share_N[:, None] * functional.embedding(place_N, self.weights)
        logits_BC = SHARPNESS * (said_NC.new_zeros(rows, said_NC.shape[1]).index_add(0, row_N, said_NC) + self.bias)
        counts = [len(labels) for labels in self.speaks.values()]
        return Answer(logits_BC, dict(zip(self.speaks, torch.split(logits_BC, counts, dim=1), strict=True)))
