"""Gated fusion (ours): how much a member counts depends on how sure it is of this very segment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from ensemble.fusion.evidence import Evidence
from ensemble.fusion.weighing import WeighingFusion
from modalities.labels import Kind

SIGNS = {"distribution": 3, "independent": 2, "continuous": 1}
"""How many signs of being sure a task of this kind gives."""
LIMIT = math.exp(3)
"""Beyond this, and below one divided by it, a stated uncertainty says no more."""


class GatedFusion(WeighingFusion):
    """Softmax over members of bias[m, c] + Σ_f slope[f, m] · sign_f[m, s, c]; all-zero parameters are the plain mean.

    The signs are the member's own: of a distribution its largest share and how far its entropy is below the greatest;
    of an independent label |2 p − 1|; and of all, −log of the uncertainty where the member states one.
    """

    name: ClassVar[str] = "gated"

    def __init__(self, config: WeighingFusion.Config) -> None:
        super().__init__(config)
        tasks, members = config.tasks.items(), len(config.speaks)
        self.bias = nn.ParameterDict({n: nn.Parameter(torch.zeros(members, len(t.labels))) for n, t in tasks})
        self.slope = nn.ParameterDict({n: nn.Parameter(torch.zeros(SIGNS[t.kind], members)) for n, t in tasks})

    def weights_at(self, task: str, evidence: Evidence) -> Tensor:
        """Return the weights [M, S, C]; who is absent shows no sign."""
        logits_MSC: Tensor = self.bias[task][:, None]
        for slope_M, sign in zip(self.slope[task], _signs(self.config.tasks[task].kind, task, evidence), strict=True):
            logits_MSC = logits_MSC + slope_M[:, None, None] * sign
        return logits_MSC.softmax(0)

    def pulled(self, task: str) -> Tensor:
        """Return the squared distance from the plain mean of the weights without any sign, and that of the slopes."""
        weights_MC = self.bias[task].softmax(0)
        distance: Tensor = ((weights_MC - 1 / len(weights_MC)) ** 2).sum() + (self.slope[task] ** 2).sum()
        return distance


def _signs(kind: Kind, task: str, evidence: Evidence) -> Iterator[Tensor]:
    """Yield signs of being sure [M, S, 1 or C]: 0 is unsure, absent, or nothing known."""
    said_MSC = evidence.said[task]
    scores_MSC = evidence.scores[task] * said_MSC
    if kind == "distribution":
        yield scores_MSC.amax(-1, keepdim=True)
        entropy_MS1 = -torch.xlogy(scores_MSC, scores_MSC).sum(-1, keepdim=True)
        spoken_MS1 = said_MSC.sum(-1, keepdim=True)
        yield (1 - entropy_MS1 / spoken_MS1.clamp_min(2).log()) * (spoken_MS1 > 0)
    if kind == "independent":
        yield (2 * scores_MSC - 1).abs() * said_MSC
    doubt_MSC = evidence.uncertainty.get(task, torch.zeros_like(scores_MSC))
    stated_MSC = said_MSC & (doubt_MSC > 0)
    yield -torch.where(stated_MSC, doubt_MSC, 1).clamp(1 / LIMIT, LIMIT).log()
