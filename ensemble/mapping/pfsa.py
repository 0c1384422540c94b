"""PFSA: pair-wise feature similarity aggregation, by prototypes of each member's features (RAS §3.7)."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from ensemble.mapping.mapping import Fused, Mapping, TargetsByTask, normalise
from ensemble.mapping.pairs import pair_sums
from ensemble.opinions import Opinions
from ensemble.prototypes import known, prototypes, similarities
from modalities.config import Uniform
from modalities.labels import Labels
from modalities.types import Array, Scores

SURE = 0.5


class PrototypeSimilarity(Mapping):
    """The mean over present members of how near their features are to the compounds' prototypes.

    Prototypes are learnt on dev, of each member's own features, from the segments that it judged rightly. Where no
    present member has a prototype of a compound, its share of the pair sums stands in.
    """

    name: ClassVar[str] = "pfsa"
    looks_at_features: ClassVar[bool] = True

    class Config(Mapping.Config):
        """How sharp: the paper gives no temperature."""

        temperature: Annotated[float, Uniform(0.01, 1.0, log=True), Field(gt=0)] = 0.1

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._prototypes: dict[str, Scores] = {}  # member → [C, D], NaN for a class without any

    def state(self) -> dict[str, Array]:
        """Return the prototypes by member."""
        return dict(self._prototypes)

    def restore(self, state: Dictionary[str, Array]) -> None:
        """Put prototypes back."""
        self._prototypes = {name: np.asarray(values, np.float32) for name, values in state.items()}

    def learn(self, opinions: Opinions, targets: TargetsByTask) -> None:
        """Make prototypes of every member with features that speaks all basic expressions."""
        truth_SC = targets["expression"]
        sure = np.nan_to_num(truth_SC).max(axis=1, initial=0) > SURE
        self._prototypes = {}
        for row, member in enumerate(opinions.members):
            judged = sure & opinions.said["expression"][row].all(axis=1)
            if member not in opinions.features or not judged.any():
                continue
            said = opinions.scores["expression"][row][judged].argmax(axis=1)
            truth = truth_SC[judged].argmax(axis=1)
            features = opinions.features[member][judged]
            made = prototypes(features, truth, said, truth_SC.shape[1])
            if not np.isnan(made).all():
                self._prototypes[member] = made

    def map(self, opinions: Opinions, fused: dict[str, Fused]) -> Fused:
        """Compare features with prototypes; fall back to the pair sum."""
        labels = Labels(self.config.expressions)
        sums, said = pair_sums(fused["expression"], labels, self.pairs)
        pairs = [(labels.index(one), labels.index(other)) for one, other in self.pairs.values()]
        total_SK, count_SK = np.zeros_like(sums), np.zeros(sums.shape, np.int64)
        for row, member in enumerate(opinions.members):
            if member in self._prototypes and member in opinions.features:
                made = self._prototypes[member]
                speaks_SK = opinions.present[row][:, None] & known(made, pairs)[None, :]
                near_SK = similarities(opinions.features[member], made, pairs, self.config.temperature)
                total_SK += np.where(speaks_SK, near_SK, 0)
                count_SK += speaks_SK
        mean_SK = total_SK / np.maximum(count_SK, 1)
        return np.where(count_SK > 0, mean_SK, normalise(sums, said)).astype(np.float32), (count_SK > 0) | said
