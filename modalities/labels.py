"""What can be said about an expression: labels, tasks and compound pairs.

Labels are data, never convention: every array of scores travels with its `Labels`, and two arrays meet by name. The
orders below are those of the ABAW challenges (Aff-Wild2 annotation files; C-EXPR-DB submission header).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["distribution", "independent", "continuous"]
"""`distribution`: the row sums to one. `independent`: each label in [0, 1]. `continuous`: each value in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Labels:
    """An ordered set of names; the last axis of every array of scores is one of these."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"labels must be distinct and at least one, but got {list(self.names)}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def index(self, name: str) -> int:
        """Position of a name; an unknown one is a KeyError that lists what there is."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no label {name!r} here; there are {', '.join(self.names)}") from None

    def positions(self, names: Sequence[str]) -> list[int]:
        """Where each of `names` stands in these labels."""
        return [self.index(name) for name in names]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that is predicted; its kind fixes activation, loss and fusion."""

    name: str
    kind: Kind
    labels: Labels


EXPRESSION = Task(
    "expression",
    "distribution",
    Labels(("Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Other")),
)
VALENCE_AROUSAL = Task("valence_arousal", "continuous", Labels(("valence", "arousal")))
ACTION_UNITS = Task(
    "action_units",
    "independent",
    Labels(("AU1", "AU2", "AU4", "AU6", "AU7", "AU10", "AU12", "AU15", "AU23", "AU24", "AU25", "AU26")),
)

Pairs = Mapping[str, tuple[str, str]]
"""Compound label → the two basic expressions that it is made of."""

ABAW_PAIRS: Pairs = {
    "Fearfully Surprised": ("Fear", "Surprise"),
    "Happily Surprised": ("Happiness", "Surprise"),
    "Sadly Surprised": ("Sadness", "Surprise"),
    "Disgustedly Surprised": ("Disgust", "Surprise"),
    "Angrily Surprised": ("Anger", "Surprise"),
    "Sadly Fearful": ("Sadness", "Fear"),
    "Sadly Angry": ("Sadness", "Anger"),
}
"""The seven compounds of C-EXPR-DB, in the order of its submission file."""


def compound_task(pairs: Pairs = ABAW_PAIRS, expressions: Sequence[str] = EXPRESSION.labels.names) -> Task:
    """Build the task of telling these compounds apart; every part of a pair must be a basic expression."""
    for name, parts in pairs.items():
        unknown = [part for part in parts if part not in expressions]
        if unknown or parts[0] == parts[1]:
            raise ValueError(
                f"compound {name!r} is made of {list(parts)}; give two different labels of {', '.join(expressions)}"
            )
    return Task("compound", "distribution", Labels(tuple(pairs)))


COMPOUND = compound_task()


def tasks(pairs: Pairs = ABAW_PAIRS, expressions: Sequence[str] = EXPRESSION.labels.names) -> dict[str, Task]:
    """All four tasks by name; a corpus may have expressions of its own."""
    basic = Task(EXPRESSION.name, EXPRESSION.kind, Labels(tuple(expressions)))
    return {task.name: task for task in (basic, compound_task(pairs, expressions), VALENCE_AROUSAL, ACTION_UNITS)}


def pairs_of(expressions: Sequence[str], pairs: Pairs = ABAW_PAIRS) -> dict[str, tuple[str, str]]:
    """Return the compounds that can be made of these expressions."""
    return {name: parts for name, parts in pairs.items() if set(parts) <= set(expressions)}
