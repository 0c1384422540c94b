"""What came out of a sweep: its trials, which of them nothing else beats, and the one that wins."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from modalities.config import Choice, Integers, Range, Uniform
from modalities.whole import whole


@dataclass(frozen=True, slots=True)
class Objective:
    """What a search makes large or small; its name is a key of every trial's values."""

    name: str
    mode: Literal["max", "min"]

    def gain(self, value: float) -> float:
        """Return the value with the sign that makes larger better; what is no number is worst of all."""
        return (value if self.mode == "max" else -value) if math.isfinite(value) else -math.inf


@dataclass(frozen=True, slots=True)
class Trial:
    """One point of the space, and what it was worth."""

    number: int
    settings: Mapping[str, Any]
    """Dotted name → value."""
    values: Mapping[str, float]
    """Everything that was measured of it, the objectives among it; empty where it failed."""
    state: Literal["done", "stopped", "failed"]
    """Whether it ran to its end, was stopped early, or failed."""
    seconds: float
    """What its steps took, without what Ray adds."""
    curve: tuple[float, ...] = ()
    """The first objective after every iteration."""
    problem: str = ""
    """Why it failed, if it did."""

    def keeps(self, within: Mapping[str, float] | None) -> bool:
        """Whether its values stay within upper bounds; one that was not measured does not."""
        return all(self.values.get(name, math.inf) <= limit for name, limit in (within or {}).items())


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sweep that is over."""

    name: str
    space: Mapping[str, Range]
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    seconds: float
    """From the first trial's start to the last one's end, with what Ray adds."""
    jobs: int
    """Trials at a time."""
    chosen: int | None = None
    """Number of the trial that won when the best ones were tried again (`trials/confirm.py`)."""
    start: float = 0.0
    """Of those seconds, until the first trial began its work: processes start, and read what they share."""

    @property
    def judged(self) -> tuple[Trial, ...]:
        """Trials that have a value for every objective."""
        return tuple(
            t for t in self.trials if all(math.isfinite(t.values.get(o.name, math.nan)) for o in self.objectives)
        )

    @property
    def added(self) -> float:
        """Seconds that Ray adds per trial."""
        return self._added(self.seconds)

    @property
    def added_started(self) -> float:
        """Seconds that Ray adds per trial once its processes have started."""
        return self._added(self.seconds - self.start)

    def _added(self, seconds: float) -> float:
        own = sum(trial.seconds for trial in self.trials)
        return max(0.0, seconds * self.jobs - own) / max(len(self.trials), 1)

    def front(self) -> tuple[Trial, ...]:
        """Trials that no other beats in one objective without losing in another (Pareto), best first."""
        judged = sorted(self.judged, key=self._gains, reverse=True)
        return tuple(one for one in judged if not any(self._beats(other, one) for other in judged))

    def best(self, within: Mapping[str, float] | None = None) -> Trial | None:
        """Return the best by the first objective (of equals, by the next, then the earlier) within upper bounds.

        Where the best were tried again, it is the one that won then.
        """
        if self.chosen is not None and not within:
            return next(trial for trial in self.trials if trial.number == self.chosen)
        return next((trial for trial in self.ranked(within) if trial.keeps(within)), None)

    def ranked(self, within: Mapping[str, float] | None = None) -> tuple[Trial, ...]:
        """Return the judged trials, best first; those beyond an upper bound come after all others."""
        earlier_first = sorted(self.judged, key=lambda trial: trial.number)
        return tuple(sorted(earlier_first, key=lambda one: (one.keeps(within), self._gains(one)), reverse=True))

    def _gains(self, trial: Trial) -> tuple[float, ...]:
        return tuple(objective.gain(trial.values[objective.name]) for objective in self.objectives)

    def _beats(self, one: Trial, other: Trial) -> bool:
        mine, theirs = self._gains(one), self._gains(other)
        return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Write an outcome as JSON."""
    space = {name: [type(allowed).__name__, asdict(allowed)] for name, allowed in outcome.space.items()}
    with whole(path) as unfinished:
        unfinished.write_text(json.dumps({**asdict(outcome), "space": space}, indent=1) + "\n", encoding="utf-8")


def read_outcome(path: Path) -> Outcome:
    """Read it again."""
    table = json.loads(path.read_text(encoding="utf-8"))
    return Outcome(
        name=table["name"],
        space={name: _range(kind, about) for name, (kind, about) in table["space"].items()},
        objectives=tuple(Objective(**one) for one in table["objectives"]),
        trials=tuple(Trial(**{**one, "curve": tuple(one["curve"])}) for one in table["trials"]),
        seconds=table["seconds"],
        jobs=table["jobs"],
        chosen=table["chosen"],
        start=table["start"],
    )


def _range(kind: str, about: Mapping[str, Any]) -> Range:
    if kind == "Choice":
        return Choice(tuple(about["options"]))
    return Integers(**about) if kind == "Integers" else Uniform(**about)


def best_so_far(trials: Sequence[Trial], objective: Objective) -> list[float]:
    """Return the best value of an objective after each trial, in the order of their numbers; NaN before the first."""
    values: list[float] = []
    for trial in sorted(trials, key=lambda trial: trial.number):
        value, last = trial.values.get(objective.name, math.nan), values[-1] if values else math.nan
        values.append(value if objective.gain(value) > objective.gain(last) else last)
    return values
