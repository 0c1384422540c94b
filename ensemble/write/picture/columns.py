"""A timeline as columns to draw: one per video frame, or means of several where there are too many to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ensemble.timeline import Timeline, shares
from ensemble.tracks import NOBODY
from ensemble.write.frames import primary
from modalities.types import SECOND, Array, Mask, Scores

MOST = 2000


@dataclass(frozen=True, slots=True)
class Columns:
    """N columns; NaN where nobody says it. A column reaches from its edge to the next."""

    edges: Array  # [N + 1] seconds
    compound: Scores  # [N, K] probabilities
    expression: Scores  # [N, C]
    affect: Scores  # [N, 2]
    contributions: Scores  # [N, M]
    nobody: Mask  # [N], nobody is in view in most of its frames, though somebody looked

    @classmethod
    def of(cls, timeline: Timeline, most: int = MOST) -> Self:
        """Average a timeline's frames into at most so many columns."""
        rows = primary(timeline.rows)
        count = min(most, len(rows.times))
        firsts = np.arange(count) * len(rows.times) // max(1, count)
        edges = np.append(rows.times[firsts], max(timeline.end, int(rows.times[-1]) + 1)) / SECOND
        absent = (rows.tracks == NOBODY)[:, None].astype(np.float32)
        return cls(
            edges,
            _means(shares(rows.scores["compound"]), firsts),
            _means(rows.scores["expression"], firsts),
            _means(rows.scores["valence_arousal"], firsts),
            _means(rows.contributions, firsts),
            (_means(absent, firsts)[:, 0] > 0.5) & (len(timeline.sightings.looked) > 0),
        )

    @property
    def x(self) -> Array:
        """Where steps begin and end [2N]."""
        corners: Array = np.repeat(self.edges, 2)[1:-1]
        return corners

    def step(self, values: Array) -> Array:
        """Repeat values [N, …] for both ends of their columns [2N, …]."""
        repeated: Array = np.repeat(values, 2, axis=0)
        return repeated


def _means(values: Scores, firsts: Array) -> Scores:
    """Average rows [F, C] from each first one to the next, over those that are said [N, C]."""
    said = ~np.isnan(values)
    total = np.add.reduceat(np.where(said, values, 0).astype(np.float64), firsts, axis=0)
    count = np.add.reduceat(said.astype(np.int64), firsts, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
