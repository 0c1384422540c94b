"""From steps to one vector: the mean over those that exist, or a mean whose weights are learnt from the steps.

Attention pooling is that of RAS's speech models (§3.4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mean_step(steps_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean over the steps that exist [B, D]; zero where there are none."""
    return (steps_BTD * mask_BT[..., None]).sum(1) / mask_BT.sum(1, keepdim=True).clamp_min(1)


class AttentionPooling(nn.Module):
    """Linear → tanh → linear → softmax over the steps that exist."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, steps_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Pool [B, T, D] to [B, D]; a row without steps pools to zero."""
        raw_BT = self.attention(steps_BTD).squeeze(-1)
        # Not −inf: a row without any step would become NaN and spoil the gradient of the whole batch.
        weights_BT = raw_BT.masked_fill(~mask_BT, torch.finfo(raw_BT.dtype).min).softmax(-1) * mask_BT
        return torch.einsum("bt,btd->bd", weights_BT, steps_BTD)
