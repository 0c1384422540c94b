"""Linear head: one layer on the mean step, for encoders whose vectors need no network (counts of words).

Inputs that are rare (words) have a small spread. To divide by all of it would let them drown the frequent ones; by its
square root, they weigh about as much as inverse document frequencies would have it. Dropout hides words, so that no
single one is relied on. There is no layer between: the features are the logits.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from modalities.config import Uniform
from modalities.heads.head import Answer, Head
from modalities.heads.pooling import mean_step

SHARPNESS = 10.0
"""By how much inputs of length one are multiplied, so that this head learns at the rates of others."""


class LinearHead(Head):
    """Multinomial logistic regression, and its kin for other kinds of tasks."""

    name: ClassVar[str] = "linear"

    class Config(Head.Config):
        """How much of each input's spread is evened out: 0 nothing, 1 all of it, as other heads do."""

        evenness: Annotated[float, Uniform(0.0, 1.0), Field(ge=0, le=1)] = 0.5

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.drop = nn.Dropout(config.dropout)
        self.tasks = self.last_layers(config.width)

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn mean and spread of each input; a part of the spread is kept."""
        super().standardise_by(steps, mask)
        self.scale.pow_(self.config.evenness)

    @property
    def features_width(self) -> int:
        """D of its features: all logits."""
        return sum(len(names) for names in self.config.speaks.values())

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Average the steps, then weigh."""
        mean_BE = functional.normalize(mean_step(self.enter(steps, mask), mask), dim=-1, eps=1e-6)
        shown_BE = SHARPNESS * self.drop(mean_BE)
        logits = {task: layer(shown_BE) for task, layer in self.tasks.items()}
        return Answer(torch.cat(list(logits.values()), dim=-1), logits)
