"""Rules 1 and 2 of SUN: what is improbable does not count, and each expression of a pair has its own weight.

Both together are rule 2 with a threshold. SUN tells rule 1 of its Dirichlet fusion only.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from ensemble.mapping.mapping import Fused, Mapping
from ensemble.mapping.pairs import pair_parts
from ensemble.opinions import Opinions
from modalities.config import Uniform
from modalities.labels import Labels
from modalities.types import Scores

SEVENTH = 1 / 7
"""SUN's threshold: one over its seven expressions."""
WEIGHTS = {"Anger": 5.0, "Disgust": 6.0, "Fear": 5.0, "Happiness": 6.0, "Sadness": 4.0, "Surprise": 2.0}
"""SUN's d: how much an expression counts in rule 2, relative to its partner."""
DIRICHLET = ("dirichlet",)


def above(scores: Scores, threshold: float) -> Scores:
    """Rule 1: what is not above the threshold counts as 0; exactly on it is not above."""
    return np.where(scores > threshold, scores, np.float32(0))


class ThresholdedPairSum(Mapping):
    """Rule 1: the sum of those of the pair's two basic probabilities that are above a threshold."""

    name: ClassVar[str] = "rule1"

    class Config(Mapping.Config):
        """From where a probability counts."""

        threshold: Annotated[float, Uniform(0.0, 0.5), Field(ge=0, lt=1)] = SEVENTH

    config: Config

    @property
    def only_after(self) -> tuple[str, ...]:
        """The fusion of which the rule is told."""
        return DIRICHLET

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:  # noqa: ARG002  other mappings ask the members
        """Drop what is improbable, add up the pair."""
        parts_SK2, said_SK = pair_parts(fused["expression"], Labels(self.config.expressions), self.pairs)
        return above(parts_SK2, self.config.threshold).sum(axis=2), said_SK


class WeightedPairMean(Mapping):
    """Rule 2: the mean of the pair's two basic probabilities, weighted by how much each expression counts.

    A threshold above 0 puts rule 1 before it.
    """

    name: ClassVar[str] = "rule2"

    class Config(Mapping.Config):
        """How much each expression counts (only the ratio within a pair matters), and from where a probability does."""

        weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = WEIGHTS
        threshold: Annotated[float, Uniform(0.0, 0.5), Field(ge=0, lt=1)] = 0.0

        @model_validator(mode="after")
        def _every_part_has_a_weight(self) -> Self:
            parts = dict.fromkeys(part for pair in self.pairs.values() for part in pair)
            if bare := [part for part in parts if part not in self.weights]:
                raise ValueError(
                    f"rule2 has no weight for {', '.join(bare)}, only for {', '.join(self.weights)}; give `weights` a "
                    "number above 0 for every expression of the pairs"
                )
            return self

    config: Config

    @property
    def only_after(self) -> tuple[str, ...]:
        """With a threshold, the fusion of which rule 1 is told; without one, any."""
        return DIRICHLET if self.config.threshold else ()

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:  # noqa: ARG002  other mappings ask the members
        """Drop what is improbable, weigh the pair."""
        parts_SK2, said_SK = pair_parts(fused["expression"], Labels(self.config.expressions), self.pairs)
        given_K2 = np.array([[self.config.weights[part] for part in pair] for pair in self.pairs.values()])
        weights_K2 = given_K2 / given_K2.sum(axis=1, keepdims=True)  # in float64, so that rounding decides no tie
        scores_SK = (above(parts_SK2, self.config.threshold) * weights_K2).sum(axis=2)
        return scores_SK.astype(np.float32), said_SK
