"""How well one member, or all of them together, did: the metrics of the challenges, over explicit label sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modalities.labels import Task
from modalities.types import Array, Scores
from tuning import metrics
from tuning.objectives import SURE

MTL = ("valence_arousal", "expression", "action_units")


@dataclass(frozen=True, slots=True)
class Judged:
    """Labelled frames (or spans) of a split and what was said about them; all clips one after the other."""

    clips: Array  # [F] number of the clip
    truth: Mapping[str, Scores]  # task → [F, C]
    said: Mapping[str, Scores]  # task → [F, C], NaN where nobody says it

    @classmethod
    def join(cls, parts: Sequence[Judged]) -> Judged:
        """Put one after the other, at least one; the clips of each are others than those of the rest."""
        counts = [int(part.clips.max(initial=-1)) + 1 for part in parts]
        before = np.cumsum([0, *counts[:-1]])
        return cls(
            np.concatenate([part.clips + first for part, first in zip(parts, before, strict=True)]),
            {task: np.concatenate([part.truth[task] for part in parts]) for task in parts[0].truth},
            {task: np.concatenate([part.said[task] for part in parts]) for task in parts[0].said},
        )


@dataclass(frozen=True, slots=True)
class Told:
    """How well classes were told apart. Rows that nobody judged count as wrong; `present` leaves them out."""

    labels: tuple[str, ...]
    rows: int
    f1: float  # macro, over all labels
    f1_interval: tuple[float, float]  # of f1_own, clips drawn again
    f1_own: float  # macro, over the labels that occur in this split: what a corpus without "Other" is scored by
    uar: float  # over the labels that occur
    war: float
    present: float  # share of rows that were judged
    f1_present: float
    uar_present: float
    ece: float
    f1_by_class: tuple[float, ...]
    recall_by_class: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]  # truth × what was said; the last column: nothing

    @property
    def own(self) -> tuple[str, ...]:
        """The labels that occur in this split."""
        return tuple(name for name, row in zip(self.labels, self.confusion, strict=True) if sum(row))

    @property
    def uar_all(self) -> float:
        """Mean recall over all labels, zero for those that do not occur: how RAS's tables count "Other" on AFEW."""
        return float(np.mean(self.recall_by_class))

    @property
    def average(self) -> float:
        """Mean of macro-F1 and UAR: what RAS's tables average."""
        return (self.f1 + self.uar) / 2


@dataclass(frozen=True, slots=True)
class Result:
    """How well one member, or all of them together, did; None for what is not labelled or not spoken.

    A column of valence and arousal, or an action unit, that is not labelled is None beside those that are.
    """

    name: str
    expression: Told | None
    compound: Told | None
    ccc: tuple[float | None, ...] | None  # valence, arousal; pooled over all rows that are labelled with it
    au_f1: tuple[float | None, ...] | None  # of each action unit

    @property
    def va_ccc(self) -> float | None:
        """P of the VA challenge; of valence or arousal alone, where only that is labelled."""
        return None if self.ccc is None else metrics.mean_known(self.ccc)

    @property
    def au_f1_mean(self) -> float | None:
        """P of the AU challenge, over the units that are labelled."""
        return None if self.au_f1 is None else metrics.mean_known(self.au_f1)

    @property
    def mtl(self) -> float | None:
        """P of the MTL challenge: the sum of what is known of its three parts; None where nothing is."""
        f1 = None if self.expression is None else self.expression.f1
        known = [part for part in (self.va_ccc, f1, self.au_f1_mean) if part is not None]
        return sum(known) if known else None


def score(name: str, judged: Judged, tasks: Mapping[str, Task]) -> Result:
    """Score what was said about labelled rows."""
    va, au = _labelled(judged, "valence_arousal"), _labelled(judged, "action_units")
    return Result(
        name,
        told(judged, tasks["expression"]),
        told(judged, tasks["compound"]),
        None if va is None else tuple(metrics.ccc_scores(*va)),
        None if au is None else tuple(metrics.binary_f1_scores(*au)),
    )


def classes(truth: Scores, said: Scores) -> tuple[Array, Array, Array]:
    """Return the rows with a sure label, their class, and the class said (−1 where none is)."""
    rows = np.flatnonzero(np.nan_to_num(truth).max(axis=1, initial=0) > SURE)
    silent = np.isnan(said[rows]).all(axis=1)
    guess = np.where(silent, -1, np.nan_to_num(said[rows], nan=-np.inf).argmax(axis=1))
    return rows, truth[rows].argmax(axis=1), guess


def told(judged: Judged, task: Task) -> Told | None:
    """Score a task of classes; None where no row has a sure label, or nobody speaks the task."""
    truth_FC, said_FC = judged.truth[task.name], judged.said[task.name]
    rows, truth, guess = classes(truth_FC, said_FC)
    if not len(rows) or np.isnan(said_FC[rows]).all():
        return None
    count, here = len(task.labels), guess >= 0
    table = metrics.confusion(truth, guess, count)
    occurs = np.unique(truth)
    recalls = np.diag(table[:, :count]) / np.maximum(table.sum(axis=1), 1)
    f1 = metrics.f1_scores(truth, guess, count)
    return Told(
        labels=task.labels.names,
        rows=len(rows),
        f1=float(f1.mean()),
        f1_interval=metrics.bootstrap(judged.clips[rows], drawn(count), truth, guess),
        f1_own=float(f1[occurs].mean()),
        uar=metrics.uar(truth, guess, count),
        war=float((truth == guess).mean()),
        present=float(here.mean()),
        f1_present=metrics.macro_f1(truth[here], guess[here], count),
        uar_present=metrics.uar(truth[here], guess[here], count),
        ece=metrics.calibration_error(truth[here], said_FC[rows][here]),
        f1_by_class=tuple(f1.tolist()),
        recall_by_class=tuple(recalls.tolist()),
        confusion=tuple(tuple(row) for row in table.tolist()),
    )


def drawn(count: int) -> Callable[[Array, Array], float]:
    """Return macro-F1 of clips that were drawn again: over the classes that occur, for one may have been left out."""

    def metric(truth: Array, guess: Array) -> float:
        return float(metrics.f1_scores(truth, guess, count)[np.unique(truth)].mean())

    return metric


def _labelled(judged: Judged, task: str) -> tuple[Scores, Scores] | None:
    """Return the rows with any label; None where there are none, or nobody speaks the task."""
    rows = ~np.isnan(judged.truth[task]).all(axis=1)
    truth, said = judged.truth[task][rows], judged.said[task][rows]
    return None if not len(truth) or np.isnan(said).all() else (truth, said)
