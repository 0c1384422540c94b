"""Statistics head: mean and deviation of every input over time, then two layers.

Statistics pooling is that of x-vectors (Snyder et al., "X-Vectors: Robust DNN Embeddings for Speaker Recognition",
ICASSP 2018), here right on the encoder's steps: where a corpus has a few hundred segments, layers below it would learn
the speakers by heart.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from modalities.heads.head import CLIP_STANDARDISED, Answer, Head
from modalities.heads.pooling import mean_step


class StatisticsHead(Head):
    """Statistics of the steps that exist, standardised over training segments; two layers."""

    name: ClassVar[str] = "statistics"
    middle: Tensor
    spread: Tensor

    def __init__(self, config: Head.Config) -> None:
        super().__init__(config)
        width = 2 * config.width
        self.register_buffer("middle", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))
        self.trunk = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(width, config.hidden), nn.GELU(), nn.Dropout(config.dropout)
        )
        self.tasks = self.last_layers(config.hidden)

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn mean and spread of each input, then of each statistic, over the segments that have steps."""
        super().standardise_by(steps, mask)
        found = statistics(self.enter(steps, mask), mask)[mask.any(1)]
        self.middle.copy_(found.mean(0))
        spread = found.std(0, unbiased=False)
        self.spread.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Pool the steps, then judge."""
        found_BD = statistics(self.enter(steps, mask), mask)
        standard_BD = ((found_BD - self.middle) / self.spread).clamp(-CLIP_STANDARDISED, CLIP_STANDARDISED)
        features_BH = self.trunk(standard_BD)
        return Answer(features_BH, {task: layer(features_BH) for task, layer in self.tasks.items()})


def statistics(steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean and deviation over the steps that exist [B, 2 E]; zero where there are none."""
    mean_BE = mean_step(steps_BTE, mask_BT)
    variance_BE = mean_step((steps_BTE - mean_BE[:, None]).square(), mask_BT)
    deviation_BE = variance_BE.clamp_min(1e-12).sqrt()  # the root has no gradient at zero
    return torch.cat([mean_BE, deviation_BE * mask_BT.any(1, keepdim=True)], -1)
