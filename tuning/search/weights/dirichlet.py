"""Searches of fusion weights: one matrix [member, class] per task, judged in thousands.

`find_dirichlet` is the SUN paper's search (paper 004: 10,000 flat Dirichlet draws per class, the best one is kept), and
goes on from there: on six members and eight classes the best of 10,000 flat draws is still far from "one member per
class". `tuning.search.weights.chosen.choose` decides how far to follow what is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modalities.types import Array
from tuning.search.weights.judge import Judge

ELITE = 16
"""How many of the best matrices new ones are drawn from."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search: flat draws first, then so many rounds; `rounds` 0 is the published search."""

    draws: int = 10_000
    rounds: int = 20
    per_round: int = 1_000


PUBLISHED = Budget(rounds=0)


@dataclass(frozen=True, slots=True)
class Found:
    """The best matrix [M, C] and its metric."""

    weights: Array
    score: float


def flat_draws(members: int, labels: int, draws: int, seed: int) -> Array:
    """Draw [N, M, C], each column evenly from the simplex; seed 42 draws what the released search draws."""
    legacy = np.random.RandomState(seed)
    flat: Array = legacy.dirichlet(np.ones(members), (draws, labels)).transpose(0, 2, 1)
    return flat


def find_dirichlet(judge: Judge, budget: Budget | None = None, seed: int = 42) -> Found:
    """Search the matrix with the best metric, of equals the first; columns that stand for themselves are chosen so.

    Beyond the published search the plain mean is the first candidate: where nothing is known, it stays.
    """
    budget = budget or Budget()
    candidates = flat_draws(judge.members, judge.labels, budget.draws, seed)
    if budget.rounds:
        mean = np.full((1, judge.members, judge.labels), 1 / judge.members)
        candidates = np.concatenate([mean, candidates])
    elite, scores = _best(judge, candidates, judge.parts(candidates), ELITE)
    rng = np.random.default_rng(seed)
    for _ in range(budget.rounds):
        new = _propose(elite, budget.per_round, rng)
        candidates, parts = np.concatenate([elite, new]), np.concatenate([scores, judge.parts(new)])
        elite, scores = _best(judge, candidates, parts, ELITE)
    return Found(elite[0], float(scores[0].sum()))


def _best(judge: Judge, candidates_NMC: Array, parts_NC: Array, count: int) -> tuple[Array, Array]:
    """Return the best candidates and their parts, best first; column by column where columns stand for themselves."""
    # the metric is rounded, for equal counts added up in another order are equal
    merit = parts_NC if judge.by_column else np.broadcast_to(parts_NC.sum(axis=1, keepdims=True), parts_NC.shape)
    order = np.argsort(-merit.round(12), axis=0, kind="stable")[:count]
    return np.take_along_axis(candidates_NMC, order[:, None], axis=0), np.take_along_axis(parts_NC, order, axis=0)


def _propose(elite: Array, count: int, rng: np.random.Generator) -> Array:
    """Draw new matrices from the best ones, in four ways; all columns sum to one."""
    quarter = count // 4
    starts = [elite[rng.integers(len(elite), size=quarter)] for _ in range(4)]
    moves = (_shake, _redraw_columns, _scale_members, _sharpen)
    return np.concatenate([_normalise(move(start, rng)) for move, start in zip(moves, starts, strict=True)])


def _normalise(weights_NMC: Array) -> Array:
    weights_NMC = np.maximum(weights_NMC, 1e-9)
    shares: Array = weights_NMC / weights_NMC.sum(axis=1, keepdims=True)
    return shares


def _shake(start_NMC: Array, rng: np.random.Generator) -> Array:
    """Draw from a Dirichlet round each column, near or far."""
    near = np.exp(rng.uniform(np.log(8), np.log(400), (len(start_NMC), 1, 1)))
    return rng.standard_gamma(near * start_NMC + 0.05)


def _redraw_columns(start_NMC: Array, rng: np.random.Generator) -> Array:
    """Move one or two columns towards a single member, or to a sparse draw."""
    count, members, labels = start_NMC.shape
    alone = np.eye(members)[rng.integers(members, size=(count, labels))].transpose(0, 2, 1)
    sparse = _normalise(rng.standard_gamma(0.3, start_NMC.shape))
    aim = np.where(rng.random((count, 1, 1)) < 0.5, alone, sparse)
    columns = rng.random((count, 1, labels)) < 1.5 / labels
    far = rng.random((count, 1, 1)) * columns
    moved: Array = (1 - far) * start_NMC + far * aim
    return moved


def _scale_members(start_NMC: Array, rng: np.random.Generator) -> Array:
    """Let one member count more or less in every class, down to next to nothing."""
    count, members, _ = start_NMC.shape
    one = np.eye(members, dtype=bool)[rng.integers(members, size=count)][..., None]
    factor = np.exp(rng.normal(0, 1.5, (count, 1, 1)))
    scaled: Array = np.where(one, start_NMC * factor, start_NMC)
    return scaled


def _sharpen(start_NMC: Array, rng: np.random.Generator) -> Array:
    """Make differences larger or smaller in every column; then take some columns from another matrix."""
    power = np.exp(rng.normal(0.3, 0.4, (len(start_NMC), 1, 1)))
    sharp = _normalise(start_NMC**power)
    swap = rng.random((len(sharp), 1, sharp.shape[2])) < 0.25 * (rng.random((len(sharp), 1, 1)) < 0.5)
    return np.where(swap, sharp[rng.permutation(len(sharp))], sharp)
