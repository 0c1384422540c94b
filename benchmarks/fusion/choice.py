"""What is chosen on a part: the settings of each kind, the kind, and the best member; by cross-validation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.fusion.material import SEEDS, Part
from benchmarks.fusion.ways import QUICK, Fitting, Way, tell, ways_for
from modalities.types import Array
from tuning.evaluation.compare import paired
from tuning.metrics import macro_f1
from tuning.search.trials.folds import folds

FOLDS = 3
DRAWS = 200
MEAN = "mean"
ERRORS = 2 * 1.96
"""Standard errors that a 95 % interval is wide."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Kind → the best way to fit it; the kind that is followed; the best member; way → macro-F1 out of fold."""

    ways: Mapping[str, Way]
    kind: str
    member: str
    inside: Mapping[str, float]


def choose(part: Part) -> Choice:
    """Judge every way on segments it did not learn from; the mean stays unless the gain is above its standard error."""
    ways = ways_for(part)
    fresh = {name: np.full(len(part.truth), -1) for name in ways}
    for learn, rest in folds(part.votes.clips, FOLDS):
        fitting, judged = Fitting(part.take(learn), SEEDS[0], QUICK), part.take(rest)
        for name, way in ways.items():
            fresh[name][rest] = tell(fitting.fit(way), judged)
    inside = {name: part.f1(guess) for name, guess in fresh.items()}
    best = max(inside, key=lambda name: inside[name])
    kept = {way.kind: way for _, way in sorted(ways.items(), key=lambda item: inside[item[0]])}
    kind = ways[best].kind if inside[best] - inside[MEAN] > doubt(part, fresh[best], fresh[MEAN]) else MEAN
    member = max(part.members, key=lambda name: part.f1(part.alone(name)))
    return Choice(kept, kind, member, inside)


def doubt(part: Part, guess: Array, other: Array) -> float:
    """Return the standard error of how many points one is above the other, over draws of whole clips or actors."""

    def f1(truth: Array, told: Array) -> float:
        return 100 * macro_f1(truth, told, len(part.classes))

    (low, high), _ = paired(part.votes.clips, f1, part.truth, guess, other, DRAWS)
    return (high - low) / ERRORS
