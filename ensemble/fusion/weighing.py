"""Fusions that weigh members: zero the absent, divide each class's column by what remains, fuse, sum to one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection

import torch
from torch import Tensor

from ensemble.fusion.evidence import Evidence
from ensemble.fusion.fusion import Fusion
from modalities.labels import Kind


def weigh(weights: Tensor, scores_MSC: Tensor, said_MSC: Tensor, kind: Kind) -> Tensor:
    """Fuse [M, S, C] to [S, C] by weights [M, 1 or S, C]; a class that nobody says gets zero, and no gradient."""
    weights_MSC = weights * said_MSC
    rest_SC = weights_MSC.sum(0)
    fused_SC = (weights_MSC * scores_MSC).sum(0) / torch.where(rest_SC > 0, rest_SC, torch.ones_like(rest_SC))
    return shares(fused_SC) if kind == "distribution" else fused_SC


def shares(fused_SC: Tensor) -> Tensor:
    """Divide each row by its sum; a row of zeros stays one."""
    total_S1 = fused_SC.sum(-1, keepdim=True)
    return fused_SC / torch.where(total_S1 > 0, total_S1, torch.ones_like(total_S1))


class WeighingFusion(Fusion):
    """Every score is a weighted mean of those that members say."""

    @abstractmethod
    def weights_at(self, task: str, evidence: Evidence) -> Tensor:
        """Return how much each member counts for each class [M, 1 or S, C]; columns sum to one, none is below zero."""

    def forward(self, evidence: Evidence, tasks: Collection[str]) -> dict[str, Tensor]:
        """Weigh each task."""
        return {task: self.weighed(task, evidence) for task in tasks}

    def weighed(self, task: str, evidence: Evidence) -> Tensor:
        """Fuse one task [S, C]."""
        scores_MSC, said_MSC = evidence.scores[task], evidence.said[task]
        if self.config.unspoken == "zero":
            scores_MSC, said_MSC = scores_MSC * said_MSC, said_MSC.any(-1, keepdim=True).expand_as(said_MSC)
        return weigh(self.weights_at(task, evidence), scores_MSC, said_MSC, self.config.tasks[task].kind)


class LinearFusion(WeighingFusion):
    """One matrix per task, the same for every segment."""

    @abstractmethod
    def weights(self, task: str) -> Tensor:
        """Return how much each member counts for each class of a task: [M, C], columns sum to one, none below zero."""

    def weights_at(self, task: str, evidence: Evidence) -> Tensor:  # noqa: ARG002  whatever is said
        """Return the matrix [M, 1, C]."""
        return self.weights(task)[:, None]

    def pulled(self, task: str) -> Tensor:
        """Return the squared distance of the weights from the plain mean."""
        return ((self.weights(task) - 1 / len(self.members)) ** 2).sum()
