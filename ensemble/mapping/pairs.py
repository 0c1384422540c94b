"""What a mapping starts from: the fused scores of each pair's two basic expressions."""

from __future__ import annotations

import numpy as np

from ensemble.mapping.mapping import Fused
from modalities.labels import Labels, Pairs
from modalities.types import Mask, Scores


def pair_parts(expression: Fused, labels: Labels, pairs: Pairs) -> tuple[Scores, Mask]:
    """Return the scores of both parts of each pair [S, K, 2], and where both are said [S, K]."""
    scores_SC, said_SC = expression
    columns = np.array([labels.positions(parts) for parts in pairs.values()])
    return scores_SC[:, columns], np.asarray(said_SC[:, columns].all(axis=2))


def pair_sums(expression: Fused, labels: Labels, pairs: Pairs) -> Fused:
    """Add up the two parts of each pair [S, K]; a compound is said where both are."""
    parts_SK2, said_SK = pair_parts(expression, labels, pairs)
    return parts_SK2.sum(axis=2), said_SK
