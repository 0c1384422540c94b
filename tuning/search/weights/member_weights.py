"""One weight per member on top of a matrix: the second level of the SUN paper's hierarchical fusion (paper 004)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice, product

import numpy as np

from modalities.types import Array
from tuning.search.weights.judge import Judge

COARSE, FINE = np.arange(0.01, 0.5, 0.05), np.arange(0.01, 0.5025, 0.005)
"""The released code's grid for three members, and the paper's: [0.01, 0.5] by 0.005."""
FEW = 4
"""Up to so many members the whole coarse grid is tried; of more, two at a time."""
BATCH = 4096
"""Candidates that exist at once."""

Score = Callable[[Array], Array]
"""V [N, M] → metric [N]."""


def find_member_weights(judge: Judge, weights_MC: Array, *, refine: bool = True) -> tuple[Array, float]:
    """Return member weights V [M], and the metric of V · W; of equals the first on the grid.

    As in `ensemble.fusion.HierarchicalFusion`, classes of a distribution keep their scales Σ_m W_mc V_m, and other
    columns are divided by theirs. Without `refine` the coarse grid is all, as in the released code for three members.
    """

    def score(values_NM: Array) -> Array:
        candidates = values_NM[..., None] * weights_MC
        return judge(candidates / candidates.sum(axis=1, keepdims=True) if judge.by_column else candidates)

    members = len(weights_MC)
    if members == 2:
        return _best(score, product(FINE, repeat=2))
    if members <= FEW:
        best = _best(score, product(COARSE, repeat=members))
    else:
        best = _by_pairs(score, np.full(members, COARSE[-1]), _coarse)
    return _by_pairs(score, best[0], _near) if refine else best


def _best(score: Score, points: Iterator[Sequence[float] | Array]) -> tuple[Array, float]:
    best, found = np.zeros(0), -np.inf
    while block := list(islice(points, BATCH)):
        scores = score(np.array(block)).round(12)
        if scores.max() > found:
            best, found = np.array(block[scores.argmax()]), float(scores.max())
    return best, found


def _by_pairs(score: Score, start_M: Array, values: Callable[[float], Array]) -> tuple[Array, float]:
    """Try two members' weights at a time, every pair in turn, until no pair gains."""
    best, found = start_M, float(score(start_M[None])[0].round(12))
    gained = len(start_M) > 1
    while gained:
        gained = False
        for pair in combinations(range(len(start_M)), 2):
            points = _with(best, pair, [values(best[member]) for member in pair])
            new, reached = _best(score, points)
            if reached > found:
                best, found, gained = new, reached, True
    return best, found


def _with(start_M: Array, pair: Sequence[int], values: Sequence[Array]) -> Iterator[Array]:
    for point in product(*values):
        changed = start_M.copy()
        changed[list(pair)] = point
        yield changed


def _coarse(_: float) -> Array:
    return COARSE


def _near(value: float) -> Array:
    return FINE[np.abs(FINE - value) < 0.0525]
