"""Hierarchical fusion (SUN): Dirichlet weights per class, and on top of them one weight per member."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ensemble.fusion.dirichlet import DirichletFusion
from ensemble.fusion.evidence import Evidence
from ensemble.fusion.weighing import LinearFusion, shares
from modalities.types import Array

LEAST, MOST = 0.01, 0.5
"""Of a member's weight (SUN searches between them by 0.005)."""
SLACK = 1e-6


class HierarchicalFusion(DirichletFusion):
    """Σ_m p_m · W_mc · V_m, divided by its sum where it is a distribution.

    The classes' scales Σ_m W_mc V_m differ, and SUN keeps them: a class whose trusted members are trusted is favoured.
    So they stay as they are when members are absent, while each column is divided by what remains of it. Scores that
    are no distribution are plain weighted means: a scale of at most one half would make any of them small.
    """

    name: ClassVar[str] = "hierarchical"

    def __init__(self, config: LinearFusion.Config) -> None:
        super().__init__(config)
        for task in config.tasks:
            self.register_buffer(_place(task), torch.full((len(config.speaks),), MOST))

    def member_weights(self, task: str) -> Tensor:
        """Return V [M]."""
        return self.get_buffer(_place(task))

    def settle_members(self, task: str, weights_M: Array) -> None:
        """Set V of a task; raises ValueError where there is not one weight in [0.01, 0.5] per member."""
        stored, given = self.member_weights(task), np.asarray(weights_M, np.float64)
        if given.shape != tuple(stored.shape):
            raise ValueError(f"{task} needs one weight for each of {len(stored)} members, but {given.shape} were given")
        if not ((given >= LEAST - SLACK) & (given <= MOST + SLACK)).all():
            raise ValueError(f"members' weights lie between {LEAST} and {MOST}, but {given.tolist()} were given")
        stored.copy_(torch.from_numpy(given))

    def weights(self, task: str) -> Tensor:
        """Return W_mc V_m with columns divided by their sums [M, C]."""
        return self._both(task) / self.scale(task)

    def scale(self, task: str) -> Tensor:
        """Return Σ_m W_mc V_m [C]."""
        return self._both(task).sum(0)

    def _both(self, task: str) -> Tensor:
        return self.settled(task) * self.member_weights(task)[:, None]

    def weighed(self, task: str, evidence: Evidence) -> Tensor:
        """Fuse one task [S, C]."""
        fused_SC = super().weighed(task, evidence)
        if self.config.tasks[task].kind != "distribution":
            return fused_SC
        return shares(fused_SC * self.scale(task))


def _place(task: str) -> str:
    return f"member_weights_of_{task}"
