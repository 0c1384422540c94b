"""What a rule is: a movement of the face, when it counts as shown, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modalities.types import Scores

TYPICAL = 0.65
"""Quantile of the frames that stands for a span: an expression need not last for all of it, a flash is not one."""

Steps = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Measure:
    """One signal with three thresholds; where they fall, small values count."""

    signal: str
    steps: Steps

    def level(self, signals: Mapping[str, Scores]) -> int:
        """Return how many thresholds the frames reach: 0 to 3; there must be at least one frame."""
        rising = self.steps[0] < self.steps[-1]
        value = float(np.quantile(signals[self.signal], TYPICAL if rising else 1 - TYPICAL))
        return sum(value >= step if rising else value <= step for step in self.steps)


@dataclass(frozen=True, slots=True)
class Rule:
    """A movement in three degrees. Any measure is enough, or all are needed (`together`)."""

    phrases: tuple[str, str, str]
    measures: tuple[Measure, ...]
    comes: str = ""  # said when it is clearly there in the second half only
    goes: str = ""  # in the first half only
    together: bool = False
    one_side: tuple[str, str] | None = None  # blendshape of two sides, and what is said when one moves alone

    def level(self, signals: Mapping[str, Scores]) -> int:
        """Return the degree that the frames show: 0 (nothing to tell) to 3."""
        levels = [measure.level(signals) for measure in self.measures]
        return min(levels) if self.together else max(levels)
