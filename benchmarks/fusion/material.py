"""What is fused: what members say about clips, cut into parts to choose on and parts to report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from modalities.types import Array, Scores
from tuning.metrics import macro_f1
from tuning.search.trials.folds import folds
from tuning.search.weights.votes import Votes

SEEDS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """What members say about some segments; `votes.clips` says which belong together: of one clip, or of one actor."""

    members: tuple[str, ...]
    classes: tuple[str, ...]
    votes: Votes
    features: Mapping[str, Scores] = field(default_factory=dict)  # member → [S, D]

    @classmethod
    def of(
        cls,
        scores: Mapping[str, Scores],
        classes: Sequence[str],
        truth: Array,
        groups: Array,
        features: Mapping[str, Scores] | None = None,
    ) -> Self:
        """Take over member → scores [S, C], the class of each segment [S] and its group [S]; a row of zeros is absent.

        Groups are numbered in the order of their names.
        """
        stacked = np.stack([values.astype(np.float32) for values in scores.values()])
        said = np.repeat(stacked.any(axis=2, keepdims=True), len(classes), axis=2)
        _, numbers = np.unique(groups, return_inverse=True)
        targets = np.eye(len(classes), dtype=np.float32)[truth]
        votes = Votes("distribution", stacked, said, targets, numbers, np.zeros_like(numbers))
        return cls(tuple(scores), tuple(classes), votes, features or {})

    def take(self, rows: Array) -> Part:
        """Return some segments."""
        features = {member: values[rows] for member, values in self.features.items()}
        return Part(self.members, self.classes, self.votes.take(rows), features)

    @property
    def truth(self) -> Array:
        """Class of each segment [S]."""
        return np.asarray(self.votes.truth.argmax(axis=1))

    def alone(self, member: str) -> Array:
        """Return the class that a member tells of each segment [S], −1 where it is absent."""
        number = self.members.index(member)
        return told(self.votes.scores[number], self.votes.said[number])

    def f1(self, guess: Array) -> float:
        """Return the macro-F1 over all classes of what is told, in per cent."""
        return 100 * macro_f1(self.truth, guess, len(self.classes))


@dataclass(frozen=True, slots=True)
class Turn:
    """A part to choose on, and the part that is then reported, as members of each seed judge it."""

    learn: Part
    report: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """Turns that report every segment once."""

    name: str
    title: str
    turns: tuple[Turn, ...]


def in_turns(part: Part, count: int) -> tuple[Turn, ...]:
    """Cut by group: each turn chooses on the others and reports one; members need no training, so have no seeds."""
    cut = folds(part.votes.clips, count)
    return tuple(Turn(part.take(learn), (part.take(rest),) * len(SEEDS)) for learn, rest in cut)


def told(scores: Scores, said: Array) -> Array:
    """Return the class of the largest score [S], −1 where nothing is said."""
    return np.where(said.any(axis=1), scores.argmax(axis=1), -1)
