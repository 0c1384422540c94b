"""Searching fusion weights: candidates per second, against one Optuna trial per candidate and against a plain loop.

    python -m benchmarks.fusion_search [--repetitions 5] [--candidates 1024]

Six members, 6,450 segments, eight classes: the shape of Aff-Wild2's dev, with its skewed classes; the scores are drawn.
All three ways judge the same candidates by macro-F1, with two threads:

* ours: `tuning.search.weights.judge.Judge`, from votes to scores, once per run of all candidates;
* Optuna: a study in memory with the random sampler; a trial asks for 48 weights, fuses with numpy's einsum and calls
  scikit-learn's `f1_score`, as the field does it;
* a loop of numpy's einsum, argmax and bincount.

Scores and weights lie on a lattice of 2⁻¹⁰, so that every product and sum is exact in float32 in any order: all ways
see the same fused scores to the last bit, and that they agree is a fact about the counting, not luck with rounding.
The sampler draws the same candidates in every run, for it is seeded.

Goals: speedup ≥ 30, speedup_loop ≥ 3, difference ≤ 1e-9, the same winner.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import numpy as np
import optuna
import torch
from sklearn.metrics import f1_score

from benchmarks.report import compare, conditions, publish
from modalities.native import use_threads
from modalities.types import Array, Scores
from tuning.search.weights.judge import Judge
from tuning.search.weights.votes import Votes

MEMBERS, SHARES = 6, (0.31, 0.02, 0.015, 0.025, 0.13, 0.07, 0.04, 0.39)
"""How often the classes occur: Neutral, Anger, Disgust, Fear, Happiness, Sadness, Surprise, Other."""
SEGMENTS, CLIPS, CLASSES = 6450, 70, len(SHARES)
STEPS = 1024
"""Of the lattice between 0 and 1."""
OFTEN = 5
"""How many times more often ours and the loop take turns: such turns are short, and other work disturbs them."""
MIN_SPEEDUP, MIN_SPEEDUP_LOOP, MAX_DIFFERENCE = 30.0, 3.0, 1e-9


def make_votes() -> Votes:
    """Draw what members of different strength say."""
    rng = np.random.default_rng(0)
    truth = rng.choice(CLASSES, SEGMENTS, p=SHARES)
    strength = rng.uniform(0.2, 1.5, (MEMBERS, 1, CLASSES))
    logits = strength * np.eye(CLASSES)[truth] + rng.normal(0, 1, (MEMBERS, SEGMENTS, CLASSES))
    powers = np.exp(logits)
    scores = np.round(STEPS * powers / powers.sum(axis=2, keepdims=True)) / STEPS
    clips = np.arange(SEGMENTS) * CLIPS // SEGMENTS
    one_hot = np.eye(CLASSES, dtype=np.float32)[truth]
    said = np.ones(scores.shape, np.bool_)
    return Votes("distribution", scores.astype(np.float32), said, one_hot, clips, np.zeros_like(clips))


class Trials:
    """One Optuna trial per candidate."""

    def __init__(self, votes: Votes, count: int) -> None:
        self._scores, self._truth, self._count = votes.scores, votes.truth.argmax(axis=1), count
        self._names = [[f"w{member}_{label}" for label in range(CLASSES)] for member in range(MEMBERS)]
        self.study = self._study()

    def _study(self) -> optuna.Study:
        return optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def __call__(self) -> Array:
        """Run a study; return the value of each trial."""
        self.study = self._study()
        self.study.optimize(self._value, n_trials=self._count)
        return np.array([trial.value for trial in self.study.get_trials(deepcopy=False)])

    def _value(self, trial: optuna.Trial) -> float:
        weights = [[trial.suggest_float(name, 0, 1, step=1 / STEPS) for name in row] for row in self._names]
        fused = np.einsum("mc,msc->sc", np.array(weights, np.float32), self._scores)
        told = fused.argmax(axis=1)
        return float(f1_score(self._truth, told, labels=range(CLASSES), average="macro", zero_division=0))

    def candidates(self) -> Array:
        """Return the matrices of the last study [N, M, C]."""
        trials = self.study.get_trials(deepcopy=False)
        return np.array([[[trial.params[name] for name in row] for row in self._names] for trial in trials])


def loop(scores_MSC: Scores, truth_S: Array, candidates_NMC: Array) -> Array:
    """Judge one candidate after the other, from a table of counts."""
    place = truth_S * CLASSES
    occurs = np.bincount(truth_S, minlength=CLASSES)
    found = np.zeros(len(candidates_NMC))
    for number, weights in enumerate(candidates_NMC.astype(np.float32)):
        told = np.einsum("mc,msc->sc", weights, scores_MSC).argmax(axis=1)
        table = np.bincount(place + told, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
        found[number] = (2 * table.diagonal() / np.maximum(occurs + table.sum(axis=0), 1)).mean()
    return found


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=1024)
    asked = parser.parse_args()
    use_threads(2)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    votes = make_votes()
    trials, truth = Trials(votes, asked.candidates), votes.truth.argmax(axis=1)
    expected = trials()
    candidates = trials.candidates()
    told = (Judge(votes)(candidates), loop(votes.scores, truth, candidates))
    with_trials = compare(lambda: Judge(votes)(candidates), trials, asked.repetitions)
    plainly = partial(loop, votes.scores, truth, candidates)
    with_loop = compare(lambda: Judge(votes)(candidates), plainly, OFTEN * asked.repetitions)
    figures = {
        "candidates_per_s": asked.candidates / with_loop.ours,
        "speedup": 1 / with_trials.ratio,
        "speedup_loop": 1 / with_loop.ratio,
        "difference": float(np.abs(told[0] - expected).max()),
        "same_winner": float(len({int(some.round(12).argmax()) for some in (expected, *told)}) == 1),
        "candidates": float(asked.candidates),
        "repetitions": float(asked.repetitions),
    }
    rows = [
        row("ours", asked.candidates / with_loop.ours, told[0], expected),
        row("an Optuna trial each, scikit-learn", asked.candidates / with_trials.other, expected, expected),
        row("loop of einsum and bincount", asked.candidates / with_loop.other, told[1], expected),
    ]
    note = conditions(("torch", "numpy", "optuna", "scikit-learn"), torch.get_num_threads(), asked.repetitions)
    publish(f"Fusion weights: {MEMBERS} members, {SEGMENTS} segments, {CLASSES} classes", rows, figures, note)
    slow = figures["speedup"] < MIN_SPEEDUP or figures["speedup_loop"] < MIN_SPEEDUP_LOOP
    return int(slow or figures["difference"] > MAX_DIFFERENCE or not figures["same_winner"])


def row(way: str, speed: float, told: Array, expected: Array) -> dict[str, float | str]:
    """Return a row of the table."""
    difference = float(np.abs(told - expected).max())
    return {"way": way, "candidates per s": speed, "best F1": float(told.max()), "difference": difference}


if __name__ == "__main__":
    sys.exit(main())
