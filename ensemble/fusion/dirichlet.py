"""Dirichlet fusion (SUN): one matrix per task that a search has found; nothing in it is learnt by gradient."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ensemble.fusion.weighing import LinearFusion
from modalities.types import Array

ROUNDING = 1e-3
"""How far the weights of a class may sum to something else than one without being told: published ones are rounded."""


class DirichletFusion(LinearFusion):
    """W [M, C] per task, drawn from a Dirichlet distribution for each class; all members equal until it is settled."""

    name: ClassVar[str] = "dirichlet"

    def __init__(self, config: LinearFusion.Config) -> None:
        super().__init__(config)
        members = len(config.speaks)
        for name, task in config.tasks.items():
            self.register_buffer(_place(name), torch.full((members, len(task.labels)), 1 / members))

    def weights(self, task: str) -> Tensor:
        """Return W [M, C]."""
        return self.settled(task)

    def settled(self, task: str) -> Tensor:
        """Return W as it was settled [M, C]."""
        return self.get_buffer(_place(task))

    def settle(self, task: str, weights_MC: Array) -> tuple[str, ...]:
        """Set W of a task; every class is divided by its sum. Returns the classes whose weights did not sum to one.

        Raises ValueError where the shape is another, a weight is negative or no number, or a class has none.
        """
        stored, labels = self.settled(task), self.config.tasks[task].labels
        given = np.asarray(weights_MC, np.float64)
        if given.shape != tuple(stored.shape):
            raise ValueError(
                f"weights of {task} are [member, class] {tuple(stored.shape)}, but {given.shape} were given"
            )
        sums_C = given.sum(axis=0)
        wrong = ~((given >= 0).all(axis=0) & np.isfinite(sums_C) & (sums_C > 0))
        if wrong.any():
            named = ", ".join(label for label, bad in zip(labels, wrong, strict=True) if bad)
            raise ValueError(f"the members' weights of {named} must be numbers, none below 0 and one above; check them")
        stored.copy_(torch.from_numpy(given / sums_C))
        return tuple(label for label, total in zip(labels, sums_C, strict=True) if abs(total - 1) > ROUNDING)


def _place(task: str) -> str:
    return f"weights_of_{task}"
