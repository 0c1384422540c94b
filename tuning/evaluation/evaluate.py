"""Evaluation: an ensemble, its plain mean and each of its members on one split, frame by frame.

The only reader of the test split. A member is scored over all labelled frames, an absent one counting as wrong, and
beside it over the frames where it is present.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble.catalog import FUSIONS
from ensemble.fusion import Fusion
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Rows
from modalities.catalog import build
from modalities.types import Array, Scores, Times
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache
from tuning.evaluation.result import Judged, Result, score

FUSED, MEAN = "fused", "plain mean"


def evaluate(recognizer: Recognizer, clips: Sequence[LabelledClip], cache: EncodingCache) -> list[Result]:
    """Score the fused ensemble, its plain mean, and each member."""
    plan = recognizer.plan
    impressions = [cache.load(clip) for clip in clips]
    units = [clip.labelling.units(impression.row_times) for clip, impression in zip(clips, impressions, strict=True)]
    names = [member.name for member in plan.members]
    mean = Recognizer(replace(plan, fusion=_plain_mean(plan)))
    runs = {FUSED: (recognizer, Wishes()), MEAN: (mean, Wishes())}
    runs |= {name: (recognizer, Wishes(without=frozenset(names) - {name})) for name in names}
    results: list[Result] = []
    for name, (asked, wishes) in runs.items():
        said: list[dict[str, Scores]] = []
        for spans, impression in zip(units, impressions, strict=True):
            (piece,) = asked.combine([impression], wishes)
            said.append(_at(piece.rows, spans))
        results.append(score(name, _judged(clips, units, said), plan.tasks))
    return results


def _at(rows: Rows, units: Times) -> dict[str, Scores]:
    """Return the scores [N, C] at moments (of the nearest row) or over spans (the mean of their rows) [N, 2].

    NaN where there is no row, or where nobody says it.
    """
    start, end = units.T
    first, last = np.searchsorted(rows.times, start), np.searchsorted(rows.times, end)
    if not len(rows.times):
        first, last = np.zeros_like(start), np.zeros_like(start)
    elif (start == end).all():
        after, before = first.clip(0, len(rows.times) - 1), (first - 1).clip(0)
        nearer = start - rows.times[before.clip(0, len(rows.times) - 1)] <= np.abs(rows.times[after] - start)
        first = np.where(nearer, before.clip(0, len(rows.times) - 1), after)
        last = first + 1
    return {task: _means(scores, first, last) for task, scores in rows.scores.items()}


def _means(scores: Scores, first: Array, last: Array) -> Scores:
    """Average scores [F, C] over rows from `first` to `last` (excluded), over those that are said."""
    said = ~np.isnan(scores)
    zero = np.zeros((1, scores.shape[1]))
    sums = np.concatenate([zero, np.cumsum(np.where(said, scores, 0), axis=0, dtype=np.float64)])
    counts = np.concatenate([zero, np.cumsum(said, axis=0)])
    count = counts[last] - counts[first]
    mean = np.where(count > 0, (sums[last] - sums[first]) / np.maximum(count, 1), np.nan)
    return mean.astype(np.float32)


def _plain_mean(plan: Plan) -> Fusion:
    config = plan.fusion.config
    mean: Fusion = build({"kind": "mean", "speaks": config.speaks, "tasks": config.tasks}, FUSIONS)
    return mean


def _judged(clips: Sequence[LabelledClip], units: Sequence[Times], said: Sequence[dict[str, Scores]]) -> Judged:
    there = [spans[:, 0] >= 0 for spans in units]  # an annotation file may have more lines than its clip has frames
    numbers = np.concatenate([np.full(int(kept.sum()), number) for number, kept in enumerate(there)])
    truth: dict[str, list[Scores]] = {task: [] for task in said[0]}
    guess: dict[str, list[Scores]] = {task: [] for task in said[0]}
    for clip, kept, part in zip(clips, there, said, strict=True):
        for task, scores in part.items():
            truth[task].append(clip.labels.get(task, np.full_like(scores, np.nan))[kept])
            guess[task].append(scores[kept])
    joined = ({task: np.concatenate(parts) for task, parts in side.items()} for side in (truth, guess))
    return Judged(numbers, *joined)
