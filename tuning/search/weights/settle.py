"""A fusion whose weights are searched, not learnt: each task by its own votes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ensemble.fusion import DirichletFusion, HierarchicalFusion
from modalities.types import Array
from tuning.search.trials.folds import folds
from tuning.search.weights.chosen import choose
from tuning.search.weights.judge import Judge
from tuning.search.weights.member_weights import find_member_weights
from tuning.search.weights.votes import Votes

FOLDS = 5


def settle(fusion: DirichletFusion, votes: Mapping[str, Votes], seed: int) -> None:
    """Search the weights of every task that has labels and is spoken; of one clip alone nothing is learnt.

    How far they leave the plain mean is decided by cross-validation over clips (`chosen.py`), and so is whether a
    hierarchical fusion has a second level, one number per member as in the SUN paper. What is sought is macro-F1 of
    classes, F1 of action units and CCC of valence and arousal, whatever a search of the ensemble is for.
    """
    for task, about in votes.items():
        known = about.take(np.flatnonzero(about.said.any(axis=(0, 2)) & ~np.isnan(about.truth).all(axis=1)))
        if len(np.unique(known.clips)) < 2:
            continue
        weights = choose(known, seed=seed).weights
        fusion.settle(task, weights)
        if isinstance(fusion, HierarchicalFusion) and (found := second_level(known, weights)) is not None:
            fusion.settle_members(task, found)


def second_level(votes: Votes, weights_MC: Array, count: int = FOLDS) -> Array | None:
    """Search one weight per member [M]; None where what is found on some clips does not help on the others.

    The mean gain over folds must be larger than its standard error: of members that are alike, what is best on some
    clips is no better than equal weights on the others.
    """
    gains = []
    for learn, judge in folds(votes.clips, count):
        found, _ = find_member_weights(Judge(votes.take(learn)), weights_MC)
        fresh = Judge(votes.take(judge))
        candidates = np.stack([np.ones_like(found), found])[..., None] * weights_MC
        if fresh.by_column:
            candidates = candidates / candidates.sum(axis=1, keepdims=True)
        before, after = fresh(candidates)
        gains.append(after - before)
    sure = np.mean(gains) > np.std(gains) / np.sqrt(len(gains))
    return find_member_weights(Judge(votes), weights_MC)[0] if sure else None
