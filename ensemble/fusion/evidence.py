"""Evidence: what members say about the same segments, as tensors; what every fusion is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ensemble.opinions import Opinions


@dataclass(frozen=True, slots=True)
class Evidence:
    """What M members say about S segments. Where nothing is `said`, scores and uncertainty are finite and mean nothing.

    Features of an absent member may be anything.
    """

    scores: Mapping[str, Tensor]  # task → [M, S, C]
    said: Mapping[str, Tensor]  # task → [M, S, C]
    uncertainty: Mapping[str, Tensor] = field(default_factory=dict)  # task → [M, S, C], 0 where a member states none
    features: Mapping[str, Tensor] = field(default_factory=dict)  # member → [S, D], where the fusion looks at them

    @classmethod
    def of(cls, opinions: Opinions) -> Evidence:
        """Take opinions over; memory is shared."""
        return cls(
            {task: torch.from_numpy(values) for task, values in opinions.scores.items()},
            {task: torch.from_numpy(values) for task, values in opinions.said.items()},
            {task: torch.from_numpy(values) for task, values in opinions.uncertainty.items()},
            {member: torch.from_numpy(values) for member, values in opinions.features.items()},
        )

    @property
    def present(self) -> Tensor:
        """Which members say anything at all of which segments [M, S]."""
        return torch.stack([said_MSC.any(-1) for said_MSC in self.said.values()]).any(0)
