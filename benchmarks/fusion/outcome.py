"""What came of it: every kind of fusion on segments it was not chosen by, beside members and the plain mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.fusion.choice import MEAN, Choice, choose
from benchmarks.fusion.material import SEEDS, Material, Part, Turn
from benchmarks.fusion.ways import Effort, Fitting, tell
from modalities.types import Array
from tuning.evaluation.compare import paired
from tuning.metrics import macro_f1

FUSED, BEST = "fused", "best member"
DRAWS = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who → the class told of each segment, by seed [N, S]; who is a member, a kind of fusion, `fused` or the best."""

    material: Material
    told: Mapping[str, Array]
    truth: Array
    groups: Array
    classes: int
    choices: tuple[Choice, ...]

    @classmethod
    def of(cls, material: Material) -> Outcome:
        """Choose, fit and judge, turn by turn."""
        choices = tuple(choose(turn.learn) for turn in material.turns)
        pairs = zip(material.turns, choices, strict=True)
        parts = [[_tell(turn, choice, number) for number in range(len(SEEDS))] for turn, choice in pairs]
        told = {
            who: np.stack([np.concatenate([turn[n][who] for turn in parts]) for n in range(len(SEEDS))])
            for who in parts[0][0]
        }
        reported = [turn.report[0] for turn in material.turns]
        truth, groups = (
            np.concatenate(arrays)
            for arrays in zip(*((part.truth, part.votes.clips) for part in reported), strict=True)
        )
        return cls(material, told, truth, groups, len(reported[0].classes), choices)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of fusion."""
        return tuple(self.choices[0].ways)

    def f1(self, who: str) -> float:
        """Macro-F1 in per cent, mean over seeds."""
        return self._f1(self.truth, self.told[who].T)

    def _f1(self, truth: Array, guesses: Array) -> float:
        return float(np.mean([100 * macro_f1(truth, guess, self.classes) for guess in guesses.T]))

    def gain(self, who: str, other: str) -> tuple[float, float, float]:
        """Return how many points one is above another, and the 95 % interval over clips or actors."""
        interval, _ = paired(self.groups, self._f1, self.truth, self.told[who].T, self.told[other].T, DRAWS)
        return self.f1(who) - self.f1(other), *interval

    def rows(self) -> list[dict[str, float | str]]:
        """Return the lines of the table."""
        return [self._row(who) for who in self.told]

    def _row(self, who: str) -> dict[str, float | str]:
        by_seed = [self._f1(self.truth, guess[:, None]) for guess in self.told[who]]
        gained, low, high = self.gain(who, MEAN)
        return {
            "who": who,
            "macro-F1": float(np.mean(by_seed)),
            "spread": round(float(np.std(by_seed)), 2),
            "accuracy": self.accuracy(who),
            "above the mean": "" if who == MEAN else f"{gained:+.1f} ({low:+.1f} to {high:+.1f})",
            "where it was chosen": f"{np.mean(self._inside(who)):.1f}" if who in self.kinds else "",
        }

    def accuracy(self, who: str) -> float:
        """Share of segments told right, in per cent, mean over seeds."""
        return float(100 * (self.told[who] == self.truth).mean())

    def _inside(self, kind: str) -> list[float]:
        """Return the macro-F1 out of fold by which a kind was judged, turn by turn."""
        ways = [name for name in self.choices[0].inside if name.partition(",")[0] == kind]
        return [max(choice.inside[name] for name in ways) for choice in self.choices]


def _tell(turn: Turn, choice: Choice, number: int) -> dict[str, Array]:
    """Return who → the class told of each segment of a turn's report, for one seed."""
    report: Part = turn.report[number]
    fitting = Fitting(turn.learn, SEEDS[number], Effort())
    told = {member: report.alone(member) for member in report.members}
    told[BEST] = told[choice.member]
    kinds = {kind: tell(fitting.fit(choice.ways[kind]), report) for kind in sorted(choice.ways, key=_mean_first)}
    return told | kinds | {FUSED: kinds[choice.kind]}


def _mean_first(kind: str) -> tuple[bool, str]:
    return kind != MEAN, kind
