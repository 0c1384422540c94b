"""Opinions: what every member says about the same segments, label by label.

`align` brings members with different grids onto the timeline's segments by real time, for the papers' members do not
share one grid. A member's score for a segment is, in this order: its score on the equal segment; the mean of its finer
present segments whose midpoint lies inside; the mean of its coarser present segments that cover the midpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from modalities.labels import Task
from modalities.types import Array, Mask, Microseconds, Output, Scores, Segment, Times

BLOCK = 512
"""Segments or rows that are worked on at once: memory then grows with a clip's length, not with its square."""
Bounds = tuple[Times, Times, Times]
"""Starts, ends and tracks of segments; −1 is no track."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """Scores of M members on S segments. What is not `said` (absent, or not spoken) holds a finite filler."""

    segments: tuple[Segment, ...]
    members: tuple[str, ...]
    present: Mask  # [M, S]
    scores: Mapping[str, Scores]  # task → [M, S, C], in the order of the task's labels
    said: Mapping[str, Mask]  # task → [M, S, C]
    features: Mapping[str, Scores] = field(default_factory=dict)  # member → [S, D], where it has any
    uncertainty: Mapping[str, Scores] = field(default_factory=dict)  # task → [M, S, C]; 0 where a member states none

    def without(self, members: Iterable[str]) -> Opinions:
        """Leave members out: they count as absent."""
        gone = np.array([name in set(members) for name in self.members], np.bool_)
        said = {task: mask & ~gone[:, None, None] for task, mask in self.said.items()}
        return replace(self, present=self.present & ~gone[:, None], said=said)

    def take(self, rows: Array) -> Opinions:
        """Keep some segments."""
        return Opinions(
            tuple(self.segments[row] for row in rows),
            self.members,
            self.present[:, rows],
            {task: values[:, rows] for task, values in self.scores.items()},
            {task: mask[:, rows] for task, mask in self.said.items()},
            {member: values[rows] for member, values in self.features.items()},
            {task: values[:, rows] for task, values in self.uncertainty.items()},
        )

    @classmethod
    def join(cls, parts: Sequence[Opinions]) -> Opinions:
        """Put the segments of several opinions of the same members one after the other; at least one."""
        first = parts[0]
        return cls(
            tuple(segment for part in parts for segment in part.segments),
            first.members,
            np.concatenate([part.present for part in parts], axis=1),
            {task: np.concatenate([part.scores[task] for part in parts], axis=1) for task in first.scores},
            {task: np.concatenate([part.said[task] for part in parts], axis=1) for task in first.said},
            {name: np.concatenate([part.features[name] for part in parts]) for name in first.features},
            {task: np.concatenate([part.uncertainty[task] for part in parts], axis=1) for task in first.uncertainty},
        )


def bounds(segments: Sequence[Segment]) -> Bounds:
    """Starts, ends and tracks (−1 for none) of segments."""
    table = np.array([(s.start, s.end, -1 if s.track is None else s.track) for s in segments], np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def weights(wanted: Bounds, own: Bounds, present: Mask, *, by_track: bool) -> Scores:
    """Return how much each segment of a member counts for each wanted one [S, N]; rows sum to 1, or to 0."""
    start, end, track = (column[:, None] for column in wanted)
    own_start, own_end, own_track = (column[None, :] for column in own)
    usable = present[None, :] & ((own_track == track) | (not by_track))
    middle, own_middle = (start + end) // 2, (own_start + own_end) // 2
    finer = own_end - own_start < end - start
    equal = (own_start == start) & (own_end == end)
    # Segments of the same length on a shifted grid stand in, but not where the member's own equal one is absent.
    coarser = (own_end - own_start > end - start) | (~finer & ~equal.any(axis=1, keepdims=True))
    rules = (
        equal,
        finer & (own_middle >= start) & (own_middle < end),
        coarser & (own_start <= middle) & (own_end > middle),
    )
    chosen = np.zeros(usable.shape, np.bool_)
    for rule in rules:
        chosen |= ~chosen.any(axis=1, keepdims=True) & rule & usable
    share: Scores = chosen.astype(np.float32) / np.maximum(chosen.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return share


def align(
    segments: Sequence[Segment],
    outputs: Mapping[str, tuple[Output, bool]],
    tasks: Mapping[str, Task],
    *,
    with_features: bool = False,
) -> Opinions:
    """Bring outputs onto segments; `outputs`: member → what it says, and whether it is about single tracks.

    Features are long, and most fusions and mappings do not look at them, so they come along only where asked for.
    """
    shape = (len(outputs), len(segments))
    present = np.zeros(shape, np.bool_)
    scores = {name: np.zeros((*shape, len(task.labels)), np.float32) for name, task in tasks.items()}
    said = {name: np.zeros(values.shape, np.bool_) for name, values in scores.items()}
    doubts = {name: np.zeros_like(values) for name, values in scores.items()}
    features = {
        name: np.zeros((len(segments), output.features.shape[1]), np.float32)
        for name, (output, _) in outputs.items()
        if with_features and output.features is not None
    }
    wanted = bounds(segments)
    for row, (name_of, (output, by_track)) in enumerate(outputs.items()):
        own = bounds(output.segments)
        for first in range(0, len(segments), BLOCK):
            block = slice(first, first + BLOCK)
            here = overlapping(own, int(wanted[0][block].min()), int(wanted[1][block].max()))
            part = weights(_take(wanted, block), _take(own, here), output.present[here], by_track=by_track)
            present[row, block] = part.any(axis=1)
            if name_of in features and output.features is not None:
                features[name_of][block] = part @ _finite(output.features[here], output.present[here])
            for name, scored in output.scores.items():
                columns = tasks[name].labels.positions(scored.labels.names)
                scores[name][row, block, columns] = (part @ _finite(scored.values[here], output.present[here])).T
                if (doubt := scored.uncertainty) is not None:
                    doubts[name][row, block, columns] = (part @ _finite(doubt[here], output.present[here])).T
        for name, scored in output.scores.items():
            said[name][row][:, tasks[name].labels.positions(scored.labels.names)] = present[row][:, None]
    return Opinions(tuple(segments), tuple(outputs), present, scores, said, features, doubts)


def overlapping(segments: Bounds, start: Microseconds, end: Microseconds) -> Array:
    """Return which segments overlap a span, so that a long clip never meets itself whole."""
    return np.flatnonzero((segments[1] > start) & (segments[0] < end))


def _take(segments: Bounds, rows: Array | slice) -> Bounds:
    start, end, track = segments
    return start[rows], end[rows], track[rows]


def _finite(values: Array, present: Mask) -> Array:
    # An absent row has weight zero, but zero times NaN would still be NaN.
    return np.where(present[:, None], values, np.float32(0))
