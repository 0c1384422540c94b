"""PPA: pair-wise probability aggregation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ensemble.mapping.mapping import Fused, Mapping
from ensemble.opinions import Opinions
from modalities.labels import Labels, Pairs


class PairSum(Mapping):
    """PPA: the sum of the pair's two basic probabilities (RAS §3.7)."""

    name: ClassVar[str] = "ppa"

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:  # noqa: ARG002  other mappings ask the members
        """Add up the pair."""
        return pair_sums(fused["expression"], Labels(self.config.expressions), self.pairs)


def pair_sums(expression: Fused, labels: Labels, pairs: Pairs) -> Fused:
    """Add up the two parts of each pair [S, K]; a compound is said where both are."""
    scores_SC, said_SC = expression
    columns = np.array([labels.positions(parts) for parts in pairs.values()])
    return scores_SC[:, columns].sum(axis=2), np.asarray(said_SC[:, columns].all(axis=2))
