"""Fusing for thousands of candidate weights at once, piece by piece.

A tile is what some candidates make of some segments, and small enough to stay in a core's cache (on a GPU: large enough
to keep it busy). Nothing larger is ever made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from modalities.types import Array, Mask, Scores

CANDIDATES, ROWS = 64, 512
"""A tile's candidates and segments at most, on the processor: 1 MiB for eight classes."""
LARGER = 16
"""How much more of either a tile has on a GPU."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some segments, laid out for fusing: scores [C, M, S], zero where not said; `said` where anything is missing."""

    scores: Tensor
    said: Tensor | None

    @classmethod
    def of(cls, scores_MSC: Scores, said_MSC: Mask, place: torch.device) -> Shelf:
        """Lay out."""
        if said_MSC.all():
            return cls(_classes_first(scores_MSC, place), None)
        return cls(_classes_first(scores_MSC * said_MSC, place), _classes_first(said_MSC, place))

    def tiles(self, weights_CNM: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Yield which candidates, which segments, and what they fuse to [C, candidates, segments].

        It is `ensemble.fusion.weigh` up to the division of rows: what is absent is zero, and each class's column is
        divided by the share of it that remains. A column that does not sum to one keeps its sum.
        """
        times = 1 if self.scores.device.type == "cpu" else LARGER
        candidates, rows = CANDIDATES * times, ROWS * times
        for first in range(0, weights_CNM.shape[1], candidates):
            some = slice(first, first + candidates)
            weights = weights_CNM[:, some].contiguous()
            for row in range(0, self.scores.shape[2], rows):
                part = slice(row, row + rows)
                yield some, part, self._fuse(weights, part)

    def _fuse(self, weights_CNM: Tensor, part: slice) -> Tensor:
        fused = torch.bmm(weights_CNM, self.scores[:, :, part])
        if self.said is not None:
            # where nobody says anything, the sum is zero, and so is zero divided by next to nothing
            rest = torch.bmm(weights_CNM / weights_CNM.sum(2, keepdim=True).clamp_min(1e-30), self.said[:, :, part])
            fused.div_(rest.clamp_min_(1e-30))
        return fused


def _classes_first(values_MSC: Array, place: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values_MSC.transpose(2, 0, 1), np.float32)).to(place)
