"""PPA: pair-wise probability aggregation."""

from __future__ import annotations

from typing import ClassVar

from ensemble.mapping.mapping import Fused, Mapping
from ensemble.mapping.pairs import pair_sums
from ensemble.opinions import Opinions
from modalities.labels import Labels


class PairSum(Mapping):
    """PPA: the sum of the pair's two basic probabilities (RAS §3.7).

    Where expressions are independent, it is the sum of two sigmoids, as multi-label networks make compounds.
    """

    name: ClassVar[str] = "ppa"

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:  # noqa: ARG002  other mappings ask the members
        """Add up the pair."""
        return pair_sums(fused["expression"], Labels(self.config.expressions), self.pairs)
