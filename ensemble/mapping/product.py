"""The product of a pair."""

from __future__ import annotations

from typing import ClassVar

from ensemble.mapping.mapping import Fused, Mapping
from ensemble.mapping.pairs import pair_parts
from ensemble.opinions import Opinions
from modalities.labels import Labels


class PairProduct(Mapping):
    """The product of the pair's two basic probabilities: high only where both are.

    It is raw, not its root: the root would change no order within a segment, and of independent expressions the product
    itself is the probability that both are shown.
    """

    name: ClassVar[str] = "product"

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:  # noqa: ARG002  other mappings ask the members
        """Multiply the pair."""
        parts_SK2, said_SK = pair_parts(fused["expression"], Labels(self.config.expressions), self.pairs)
        return parts_SK2.prod(axis=2), said_SK
