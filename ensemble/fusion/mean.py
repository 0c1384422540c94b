"""The plain mean: what every other fusion is judged against."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ensemble.fusion.weighing import LinearFusion


class MeanFusion(LinearFusion):
    """Every member counts the same."""

    name: ClassVar[str] = "mean"

    def weights(self, task: str) -> Tensor:
        """Return equal weights."""
        members = len(self.members)
        return torch.full((members, len(self.config.tasks[task].labels)), 1 / members)
