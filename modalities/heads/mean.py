"""Mean head: every step is judged alone, and a segment's score is the mean of its steps' scores.

The rule of the papers for a static face network: RAS and SUN average the frame probabilities of a segment.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from modalities.heads.head import Answer, Head, activate, deactivate


class MeanHead(Head):
    """Two layers per step, then the mean of the scores over the steps that exist."""

    name: ClassVar[str] = "mean"

    def __init__(self, config: Head.Config) -> None:
        super().__init__(config)
        self.trunk = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.LayerNorm(config.hidden), nn.GELU(), nn.Dropout(config.dropout)
        )
        self.tasks = self.last_layers(config.hidden)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  every step alone: no times
        """Judge each step, then average."""
        hidden_BTD = self.trunk(self.enter(steps, mask))
        share_BT1 = mask[..., None] / mask.sum(1).clamp_min(1)[:, None, None]
        logits: dict[str, Tensor] = {}
        for task, layer in self.tasks.items():
            kind = self.config.kinds[task]
            logits[task] = deactivate(kind, (activate(kind, layer(hidden_BTD)) * share_BT1).sum(1))
        return Answer((hidden_BTD * share_BT1).sum(1), logits)
