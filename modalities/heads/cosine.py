"""Cosine head: how near a segment is to the direction of each class (the trained kin of RAS's label matching, §3.4).

Length says how strong a vector is, not what it shows: so segments and classes are compared by their angle alone, and
one learnt scale per task says how sharply. Its features have length one, as mappings by prototypes (PFSA) want them.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.heads.head import Answer, Head
from modalities.heads.pooling import AttentionPooling

FIRST_SCALE, LARGEST_SCALE = 10.0, 100.0
"""The scale begins so that eight classes can be told apart; CLIP cuts it at the same bound."""


class Cosines(nn.Module):
    """Cosines to the vectors of the classes, times a learnt scale."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classes, self.log_scale = nn.Parameter(torch.empty(classes, width)), nn.Parameter(torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw directions anywhere."""
        nn.init.normal_(self.classes)
        nn.init.constant_(self.log_scale, torch.tensor(FIRST_SCALE).log().item())

    def forward(self, features_BD: Tensor) -> Tensor:
        """Compare features of length one with each class [B, C]."""
        cosines_BC = features_BD @ functional.normalize(self.classes, dim=-1).T
        return cosines_BC * self.log_scale.exp().clamp_max(LARGEST_SCALE)


class CosineHead(Head):
    """Projection, attention pooling, one layer of length one; cosines for distributions, a linear layer for the rest.

    Labels that do not exclude each other need a base rate each, which an angle cannot hold.
    """

    name: ClassVar[str] = "cosine"

    def __init__(self, config: Head.Config) -> None:
        super().__init__(config)
        width = config.hidden
        self.project = nn.Sequential(nn.Linear(config.width, width), nn.LayerNorm(width), nn.GELU())
        self.pool = AttentionPooling(width)
        self.trunk = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(width, width))
        compare = {
            task: Cosines(width, len(labels)) if config.kinds[task] == "distribution" else nn.Linear(width, len(labels))
            for task, labels in self.speaks.items()
        }
        self.tasks = nn.ModuleDict(compare)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Pool the steps, then compare."""
        raw_BD = self.trunk(self.pool(self.project(self.enter(steps, mask)), mask))
        features_BD = functional.normalize(raw_BD, dim=-1, eps=1e-6)
        return Answer(features_BD, {task: layer(features_BD) for task, layer in self.tasks.items()})
