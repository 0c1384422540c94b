"""Judging fusion weights: the metric of thousands of candidate matrices per second, from counts.

    judge = Judge(votes)  # macro-F1 of a distribution, F1 at 0.5 of action units, CCC of valence and arousal
    scores_N = judge(weights_NMC)

The scores equal those of `tuning.metrics` on the fused scores; of equal classes the first one wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from modalities import device
from modalities.labels import Kind
from modalities.types import Array
from tuning.objectives import SURE
from tuning.search.weights.threads import in_threads
from tuning.search.weights.tiles import CANDIDATES, Shelf
from tuning.search.weights.votes import Votes

Measure = Literal["macro_f1", "uar", "binary_f1", "mean_ccc"]
MEASURES: Mapping[Kind, tuple[Measure, ...]] = {
    "distribution": ("macro_f1", "uar"),
    "independent": ("binary_f1",),
    "continuous": ("mean_ccc",),
}
"""What each kind of task can be judged by; the first unless told."""


class Counter(Protocol):
    """Scores each class of each candidate on the same rows."""

    def __call__(self, weights_CNM: Tensor) -> Array:
        """Return what each class adds to the metric [N, C]."""


class Judge:
    """Scores candidate matrices on votes; `per_corpus` takes the mean of the corpora, as the RAS paper does.

    `classes` limits macro-F1 and UAR to some classes; the SUN paper's search leaves Neutral out, for one. Rows without
    truth are left out, and a row that nobody speaks about counts as wrong (classes) or as zero.
    """

    def __init__(
        self,
        votes: Votes,
        measure: Measure | None = None,
        *,
        classes: Sequence[int] | None = None,
        per_corpus: bool = False,
        place: torch.device | None = None,
    ) -> None:
        fitting = MEASURES[votes.kind]
        self.measure = measure or fitting[0]
        if self.measure not in fitting:
            raise ValueError(f"{self.measure} does not judge a {votes.kind} task; {' or '.join(fitting)} does")
        self.members, _, self.labels = votes.scores.shape
        self.by_column = votes.kind != "distribution"
        """Whether each column of a matrix can be judged, and so chosen, without the others."""
        self._place = place or device.device()
        self._classes = list(range(self.labels) if classes is None else classes)
        names = np.unique(votes.corpora) if per_corpus else [None]
        groups = [votes if name is None else votes.take(votes.corpora == name) for name in names]
        self._counters = [self._counter(group) for group in groups if not np.isnan(group.truth).all()]

    def _counter(self, votes: Votes) -> Counter:
        if votes.kind == "distribution":
            return Classes(votes, self._classes, self.measure, self._place)
        return Columns(votes, self._classes, self._place)

    def parts(self, weights_NMC: Array) -> Array:
        """Return what each class adds to the metric [N, C], float64: the metric is their sum."""
        if weights_NMC.ndim != 3 or weights_NMC.shape[1:] != (self.members, self.labels):
            raise ValueError(
                f"candidates are matrices [N, {self.members}, {self.labels}], but were given as {weights_NMC.shape}"
            )
        weights = torch.from_numpy(np.ascontiguousarray(weights_NMC.transpose(2, 0, 1), np.float32))
        return in_threads(self._parts, weights.to(self._place), least=CANDIDATES)

    def _parts(self, weights_CNM: Tensor) -> Array:
        total = np.zeros(weights_CNM.shape[1::-1])
        for counter in self._counters:
            total += counter(weights_CNM) / len(self._counters)
        return total

    def __call__(self, weights_NMC: Array) -> Array:
        """Return the metric of each candidate [N], float64; 0 where nothing is known."""
        total: Array = self.parts(weights_NMC).sum(axis=1)
        return total


class Classes:
    """Counts hits and predictions of each class, on segments sorted by their true class."""

    def __init__(self, votes: Votes, classes: Sequence[int], measure: Measure, place: torch.device) -> None:
        labels = votes.truth.shape[1]
        known = np.nan_to_num(votes.truth).max(axis=1) > SURE
        truth = np.where(known & ~np.isnan(votes.truth).any(axis=1), np.nan_to_num(votes.truth).argmax(axis=1), -1)
        heard = votes.said.any(axis=(0, 2))
        self._occurs = np.bincount(truth[truth >= 0], minlength=labels)
        rows = [np.flatnonzero((truth == label) & heard) for label in range(labels)]
        self._shelves = [Shelf.of(votes.scores[:, some], votes.said[:, some], place) for some in rows]
        self._classes = np.isin(np.arange(labels), classes)
        self._measure = measure

    def __call__(self, weights_CNM: Tensor) -> Array:
        """Return F1 or recall of each class, in shares of the metric [N, C]."""
        counts_TCN = self.confusion(weights_CNM)
        hits_CN, said_CN = np.einsum("ccn->cn", counts_TCN), counts_TCN.sum(axis=0)
        occurs_C1 = self._occurs[:, None]
        counted = self._classes if self._measure == "macro_f1" else self._classes & (self._occurs > 0)
        total = occurs_C1 + said_CN if self._measure == "macro_f1" else np.broadcast_to(occurs_C1, said_CN.shape)
        twice = 2 if self._measure == "macro_f1" else 1
        found: Array = (twice * hits_CN / np.maximum(total, 1)) * counted[:, None] / max(counted.sum(), 1)
        return found.T

    def confusion(self, weights_CNM: Tensor) -> Array:
        """Count truth by prediction [C, C, N]."""
        shape = (len(self._shelves), *weights_CNM.shape[:2])
        counts = torch.zeros(shape, dtype=torch.float64, device=weights_CNM.device)
        for truth, shelf in enumerate(self._shelves):
            for some, _, tile_CNS in shelf.tiles(weights_CNM):
                counts[truth, :, some] += count_largest(tile_CNS)
        return counts.cpu().numpy()


def count_largest(tile_CNS: Tensor) -> Tensor:
    """Count for how many segments each class is the largest [C, N]; of equal ones the first. The tile is used up.

    Comparing with the maximum is several times faster than asking where it is; a candidate whose counts exceed the
    segments has met equals, and only such are looked at again.
    """
    largest = tile_CNS.eq_(tile_CNS.amax(0))
    counts = largest.sum(-1)
    tied = counts.sum(0) > tile_CNS.shape[2]
    if tied.any():
        again = largest[:, tied]
        counts[:, tied] = (again * (again.cumsum(0) == 1)).sum(-1)
    return counts


class Columns:
    """Scores columns that stand for themselves: F1 at 0.5 where labels are independent, CCC where continuous."""

    def __init__(self, votes: Votes, classes: Sequence[int], place: torch.device) -> None:
        self._columns = [label for label in classes if not np.isnan(votes.truth[:, label]).all()]
        self._score = _concordance if votes.kind == "continuous" else _binary_f1
        self._shelves: list[tuple[Shelf, Tensor]] = []
        for label in self._columns:
            rows, column = ~np.isnan(votes.truth[:, label]), slice(label, label + 1)
            truth = votes.truth[rows, label].astype(np.float64)
            shelf = Shelf.of(votes.scores[:, rows, column], votes.said[:, rows, column], place)
            self._shelves.append((shelf, torch.from_numpy(truth).to(place)))

    def __call__(self, weights_CNM: Tensor) -> Array:
        """Return the score of each column, in shares of their mean [N, C]."""
        found = np.zeros(weights_CNM.shape[1::-1])
        for label, (shelf, truth) in zip(self._columns, self._shelves, strict=True):
            scores = self._score(shelf, truth, weights_CNM[label : label + 1])
            found[:, label] = scores.cpu().numpy() / len(self._columns)
        return found


def _binary_f1(shelf: Shelf, truth: Tensor, weights_CNM: Tensor) -> Tensor:
    active = (truth >= 0.5).float()
    hits, said = torch.zeros(2, weights_CNM.shape[1], dtype=torch.float64, device=truth.device)
    for some, rows, (tile,) in shelf.tiles(weights_CNM):
        yes = (tile >= 0.5).float()
        hits[some] += yes @ active[rows]
        said[some] += yes.sum(-1)
    scores: Tensor = 2 * hits / (said + active.sum()).clamp_min(1)
    return scores


def _concordance(shelf: Shelf, truth: Tensor, weights_CNM: Tensor) -> Tensor:
    centre, count = truth.mean(), len(truth)
    total, squares, common = torch.zeros(3, weights_CNM.shape[1], dtype=torch.float64, device=truth.device)
    for some, rows, (tile,) in shelf.tiles(weights_CNM):
        values = tile.double() - centre
        total[some] += values.sum(-1)
        squares[some] += values.square().sum(-1)
        common[some] += values @ (truth[rows] - centre)
    mean = total / count  # of prediction − truth
    spread = squares / count - mean**2 + truth.var(unbiased=False) + mean**2
    return torch.where(spread > 0, 2 * common / count / spread, 0)
