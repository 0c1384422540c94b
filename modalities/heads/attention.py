"""Attention head: project each step, pool by attention, then judge the segment."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from modalities.heads.head import Answer, Head
from modalities.heads.pooling import AttentionPooling


class AttentionHead(Head):
    """Linear projection per step, attention pooling over steps, two layers."""

    name: ClassVar[str] = "attention"

    def __init__(self, config: Head.Config) -> None:
        super().__init__(config)
        self.project = nn.Sequential(nn.Linear(config.width, config.hidden), nn.LayerNorm(config.hidden), nn.GELU())
        self.pool = AttentionPooling(config.hidden)
        self.trunk = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(config.hidden, config.hidden), nn.GELU(), nn.Dropout(config.dropout)
        )
        self.tasks = self.last_layers(config.hidden)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Pool the steps, then judge."""
        features_BD = self.trunk(self.pool(self.project(self.enter(steps, mask)), mask))
        return Answer(features_BD, {task: layer(features_BD) for task, layer in self.tasks.items()})
