"""Evaluation: an ensemble, its plain mean and each of its members on one split, frame by frame.

The only reader of the test split. A member is scored over all labelled frames, an absent one counting as wrong, and
beside it over the frames where it is present.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ensemble.catalog import FUSIONS
from ensemble.fusion import Fusion
from ensemble.perception import Impression
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Rows
from modalities.catalog import build
from modalities.types import Array, Output, Scores, Times
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache
from tuning.evaluation.result import Judged, Result, score

FUSED, MEAN = "fused", "plain mean"


def evaluate(recognizer: Recognizer, clips: Sequence[LabelledClip], cache: EncodingCache) -> list[Result]:
    """Score the fused ensemble, its plain mean, and each member."""
    return scores(judge(recognizer, clips, cache), recognizer.plan)


def scores(judged: Mapping[str, Judged], plan: Plan) -> list[Result]:
    """Score everybody who was asked."""
    return [score(name, said, plan.tasks) for name, said in judged.items()]


def judge(recognizer: Recognizer, clips: Sequence[LabelledClip], cache: EncodingCache) -> dict[str, Judged]:
    """Ask the fused ensemble, its plain mean and each member about what is labelled: name → what was said."""
    names = [member.name for member in recognizer.plan.members]
    mean = Recognizer(replace(recognizer.plan, fusion=_plain_mean(recognizer.plan)))
    runs = {FUSED: (recognizer, Wishes()), MEAN: (mean, Wishes())}
    runs |= {name: (recognizer, Wishes(without=frozenset(names) - {name})) for name in names}
    said: dict[str, list[Judged]] = {name: [] for name in runs}
    for clip in clips:
        impression = cache.load(clip)
        outputs = recognizer.judge(impression)
        for name, (asked, wishes) in runs.items():
            said[name].append(judged_as(asked, clip, impression, outputs, wishes))
    return {name: Judged.join(parts) for name, parts in said.items()}


def judged_as(
    recognizer: Recognizer,
    clip: LabelledClip,
    impression: Impression,
    outputs: Mapping[str, Output],
    wishes: Wishes | None = None,
) -> Judged:
    """Fuse what members say about a clip, and take it where the clip is labelled."""
    units = clip.labelling.units(impression.row_times)
    (piece,) = recognizer.weigh([(impression, outputs)], wishes)
    return _judged(clip, units, _at(piece.rows, units))


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
    same = {"speaks": config.speaks, "tasks": config.tasks, "unspoken": config.unspoken}
    mean: Fusion = build({"kind": "mean", **same}, FUSIONS)
    return mean


def _judged(clip: LabelledClip, units: Times, said: Mapping[str, Scores]) -> Judged:
    there = units[:, 0] >= 0  # an annotation file may have more lines than its clip has frames
    truth = {task: clip.labels.get(task, np.full_like(scores, np.nan))[there] for task, scores in said.items()}
    return Judged(np.zeros(int(there.sum()), np.int64), truth, {task: scores[there] for task, scores in said.items()})
