"""Mappings: from what members say about basic expressions to compound scores.

A mapping gives raw scores (a pair's sum); `mix` lays beside them what members say who speak compound themselves.
"""

from __future__ import annotations

import typing
from abc import abstractmethod
from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from ensemble.opinions import Opinions
from modalities.config import Config, Uniform
from modalities.labels import EXPRESSION, Pairs
from modalities.part import Part
from modalities.types import Mask, Scores

TargetsByTask = typing.Mapping[str, Scores]
"""Task → what is true of each segment [S, C]; NaN where that is not known."""
Fused = tuple[Scores, Mask]
"""Scores [S, C], and whether anybody said them [S, C]."""


def normalise(scores: Scores, said: Mask) -> Scores:
    """Divide each row by the sum of what is said; where that is zero or nothing, the row is uniform."""
    kept = np.where(said, np.clip(scores, 0, None), 0)
    total = kept.sum(axis=1, keepdims=True)
    even = np.float32(1 / scores.shape[1])
    return np.where(total > 0, kept / np.where(total > 0, total, 1), even).astype(np.float32)


class Mapping(Part):
    """Outputs and fused scores → compound scores [S, K]."""

    class Config(Config):
        """The pairs, and whether any member speaks compound itself (the plan says these); λ, how much those count."""

        pairs: dict[str, tuple[str, str]]
        expressions: tuple[str, ...] = EXPRESSION.labels.names
        spoken: bool = False
        spoken_share: Annotated[float, Uniform(0.0, 1.0), Field(ge=0, le=1)] = 0.5

    config: Config
    looks_at_features: ClassVar[bool] = False

    @property
    def pairs(self) -> Pairs:
        """Compound label → its two basic expressions."""
        return self.config.pairs

    @property
    def only_after(self) -> tuple[str, ...]:
        """Names of the fusions whose scores it is defined for, as their classes call themselves; none named is any."""
        return ()

    @abstractmethod
    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:
        """Return raw compound scores, and whether they can be known."""

    def learn(self, opinions: Opinions, targets: TargetsByTask) -> None:
        """Learn from what members said about labelled segments of dev; most mappings have nothing to learn."""

    @final
    def compound(self, opinions: Opinions, fused: dict[str, Fused], share: float | None = None) -> Fused:
        """Map, then mix: (1 − λ) · mapped + λ · spoken, both as distributions, where both are said.

        In an ensemble of which no member speaks compound the mapped scores stay raw; a compound that only one side says
        takes that side's score, for the other's silence is no zero.
        """
        mapped, known = self.map(opinions, fused)
        spoken, said = fused["compound"]
        if not self.config.spoken:
            return mapped, known
        lam = np.where(known & said, self.config.spoken_share if share is None else share, said).astype(np.float32)
        mixed = (1 - lam) * normalise(mapped, known) + lam * normalise(spoken, said)
        return normalise(mixed, known | said), known | said
