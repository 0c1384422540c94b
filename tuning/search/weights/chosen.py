"""How far to leave the plain mean: what was found is followed as far as it helps on clips that the search did not see.

The best of thousands of matrices fits its rows too well. So the search runs several times, each time on clips drawn
with replacement, and the matrices are averaged: on planted votes that more than halves what is lost on fresh ones. And
α, how far to go from the mean to there, is chosen out of fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ensemble.fusion import weigh
from modalities.types import Array, Scores
from tuning.search.trials.folds import folds
from tuning.search.weights.dirichlet import Budget, find_dirichlet
from tuning.search.weights.judge import Judge
from tuning.search.weights.votes import Votes

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""α to choose from; 0 is the plain mean."""
BAGS = 4
BUDGET = Budget(draws=1_000, rounds=8, per_round=400)
"""How many searches are averaged, and how long each of them is."""
DRAWS = 100
"""Draws of clips from which it is told how sure a gain is."""


@dataclass(frozen=True, slots=True)
class Choice:
    """W = (1 − α) · mean + α · W*; and the metrics out of fold that it was chosen by."""

    weights: Array
    alpha: float
    mean: float
    """Metric of the plain mean."""
    scores: tuple[float, ...]
    """Metric at each of `SHARES`; each fold had a W* of its own."""
    doubt: float
    """Standard error of the best share's gain over the mean: over draws of whole clips, both on the same ones."""

    @property
    def score(self) -> float:
        """Metric of what was chosen."""
        return self.scores[SHARES.index(self.alpha)]


def choose(
    votes: Votes,
    judging: Callable[[Votes], Judge] = Judge,
    *,
    count: int = 4,
    bags: int = BAGS,
    budget: Budget = BUDGET,
    seed: int = 0,
) -> Choice:
    """Search, and go as far as it helps; the mean stays unless the gain is larger than its standard error.

    `judging` makes the judge, so `partial(Judge, measure="uar", per_corpus=True)` searches and chooses by that.
    """
    found = bagged(votes, judging, bags=bags, budget=budget, seed=seed)
    mean = np.full_like(found, 1 / len(found))
    fresh = np.zeros((len(SHARES), *votes.truth.shape), np.float32)
    for learn, rest in folds(votes.clips, count):
        learnt = bagged(votes.take(learn), judging, bags=bags, budget=budget, seed=seed)
        for place, share in enumerate(SHARES):
            fresh[place, rest] = _fuse(votes.take(rest), (1 - share) * mean + share * learnt)
    said = np.broadcast_to(votes.said.any(axis=0), fresh.shape)
    rivals = replace(votes, scores=fresh, said=said)
    scores = _each(judging(rivals))
    best = int(scores.round(12).argmax())  # of equals the one nearest to the mean
    pair = replace(rivals, scores=fresh[[0, best]], said=said[:2])
    rng = np.random.default_rng(seed)
    gains = [float(np.diff(_each(judging(pair.draw(rng))))[0]) for _ in range(DRAWS)]
    doubt = float(np.std(gains))
    alpha = SHARES[best] if scores[best] - scores[0] > doubt else 0.0
    weights = (1 - alpha) * mean + alpha * found
    return Choice(weights, alpha, float(scores[0]), tuple(scores.tolist()), doubt)


def bagged(votes: Votes, judging: Callable[[Votes], Judge], *, bags: int, budget: Budget, seed: int) -> Array:
    """Average what is found on clips drawn with replacement: [M, C]."""
    rng = np.random.default_rng(seed)
    found = [find_dirichlet(judging(votes.draw(rng)), budget, seed=seed + bag).weights for bag in range(bags)]
    average: Array = np.mean(found, axis=0)
    return average


def _fuse(votes: Votes, weights_MC: Array) -> Scores:
    weights, scores = torch.from_numpy(weights_MC[:, None]).float(), torch.from_numpy(votes.scores)
    fused: Scores = weigh(weights, scores, torch.from_numpy(votes.said), votes.kind).numpy()
    return fused


def _each(judge: Judge) -> Array:
    """Return the metric of each rival alone."""
    alone = np.eye(judge.members)[..., None]
    return judge(np.broadcast_to(alone, (judge.members, judge.members, judge.labels)))
