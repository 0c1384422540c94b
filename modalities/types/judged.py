"""What a modality hands to its heads, and what a head says: encodings and outputs, row by row one segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modalities.labels import Labels
from modalities.types.spans import Array, Mask, Microseconds, Scores, Segment, Times


@dataclass(frozen=True, slots=True)
class Encoding:
    """Segments as steps for a head. Label-free, so it can be cached; a masked step's value means nothing."""

    segments: tuple[Segment, ...]  # S
    steps: Array  # [S, T, ...] of any dtype
    mask: Mask  # [S, T], True where the step exists
    times: Times  # [S, T] of each step

    def __post_init__(self) -> None:
        if self.mask.shape != self.steps.shape[:2] or self.times.shape != self.mask.shape:
            raise ValueError(
                f"steps {self.steps.shape}, mask {self.mask.shape} and times {self.times.shape} must share [S, T]"
            )
        if len(self.segments) != len(self.mask):
            raise ValueError(f"{len(self.segments)} segments cannot have {len(self.mask)} rows of steps")

    @classmethod
    def of(cls, segments: Sequence[Segment], steps: Sequence[Array], times: Sequence[Times], like: Array) -> Encoding:
        """Pad one array of steps [T, ...] per segment to a common length; `like` [0, ...] gives width and dtype."""
        longest = max((len(rows) for rows in steps), default=0)
        padded = np.zeros((len(segments), longest, *like.shape[1:]), like.dtype)
        mask, when = np.zeros((len(segments), longest), np.bool_), np.zeros((len(segments), longest), np.int64)
        for row, (values, moments) in enumerate(zip(steps, times, strict=True)):
            padded[row, : len(values)], when[row, : len(values)], mask[row, : len(values)] = values, moments, True
        return cls(tuple(segments), padded, mask, when)

    @property
    def present(self) -> Mask:
        """Segments with at least one step [S]."""
        return np.asarray(self.mask.any(axis=1))

    def writable(self) -> Encoding:
        """Return the same in arrays that may be written to: torch wants that, and what Ray's store gives may not."""
        return Encoding(
            self.segments,
            np.require(self.steps, requirements="W"),
            np.require(self.mask, requirements="W"),
            np.require(self.times, requirements="W"),
        )

    @classmethod
    def join(cls, parts: Iterable[Encoding]) -> Encoding:
        """Put the segments of several encodings into one, padded to the longest; there must be at least one."""
        parts = list(parts)
        longest = max(part.mask.shape[1] for part in parts)

        def stack(columns: Sequence[Array]) -> Array:
            room = [[(0, 0), (0, longest - c.shape[1])] + [(0, 0)] * (c.ndim - 2) for c in columns]
            return np.concatenate([np.pad(c, widths) for c, widths in zip(columns, room, strict=True)])

        return cls(
            tuple(segment for part in parts for segment in part.segments),
            stack([part.steps for part in parts]),
            stack([part.mask for part in parts]),
            stack([part.times for part in parts]),
        )

    def take(self, rows: Sequence[int]) -> Encoding:
        """Keep some segments."""
        index = np.asarray(rows, np.int64)
        return Encoding(
            tuple(self.segments[row] for row in rows), self.steps[index], self.mask[index], self.times[index]
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """What a member says on one task: values [S, C] in the order of the labels that it speaks."""

    labels: Labels
    values: Scores
    uncertainty: Scores | None = None  # [S, C]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels need as many columns, but the scores are {self.values.shape}")


@dataclass(frozen=True, slots=True)
class Output:
    """A member's opinion. Absence is `present = False`, never a zero; absent rows hold finite fillers."""

    segments: tuple[Segment, ...]
    present: Mask  # [S]
    scores: Mapping[str, Scored]  # by task
    features: Scores | None = None  # [S, D]

    def __post_init__(self) -> None:
        for task, scored in self.scores.items():
            if len(scored.values) != len(self.segments) or len(self.present) != len(self.segments):
                raise ValueError(f"{task}: {len(scored.values)} rows of scores for {len(self.segments)} segments")

    @classmethod
    def join(cls, parts: Sequence[Output]) -> Output:
        """Put the segments of several outputs of one member one after the other; at least one."""
        first, lengths = parts[0], [len(part.segments) for part in parts]
        scores: dict[str, Scored] = {}
        for task, scored in first.scores.items():
            values = np.concatenate([part.scores[task].values for part in parts])
            doubts = _one_below_the_other([part.scores[task].uncertainty for part in parts], lengths)
            scores[task] = Scored(scored.labels, values, doubts)
        return cls(
            tuple(segment for part in parts for segment in part.segments),
            np.concatenate([part.present for part in parts]),
            scores,
            _one_below_the_other([part.features for part in parts], lengths),
        )

    @classmethod
    def absent(cls, segments: tuple[Segment, ...], speaks: Mapping[str, Labels]) -> Output:
        """Return the opinion of a member that could not be asked."""
        blank = {
            task: Scored(names, np.zeros((len(segments), len(names)), np.float32)) for task, names in speaks.items()
        }
        return cls(segments, np.zeros(len(segments), np.bool_), blank)

    def since(self, time: Microseconds) -> Output:
        """Keep segments that end after `time`."""
        return self.take(np.array([row for row, segment in enumerate(self.segments) if segment.end > time], np.int64))

    def take(self, kept: Array | slice) -> Output:
        """Keep some segments, by index."""
        rows = np.arange(len(self.segments))[kept]
        return Output(
            tuple(self.segments[row] for row in rows),
            self.present[kept],
            {
                task: Scored(s.labels, s.values[kept], None if s.uncertainty is None else s.uncertainty[kept])
                for task, s in self.scores.items()
            },
            None if self.features is None else self.features[kept],
        )


def _one_below_the_other(parts: Sequence[Scores | None], lengths: Sequence[int]) -> Scores | None:
    """Join columns; zeros stand in for a part that has none, for its rows are absent."""
    given = next((part for part in parts if part is not None), None)
    if given is None:
        return None
    blank = [np.zeros((length, *given.shape[1:]), given.dtype) for length in lengths]
    return np.concatenate([none if part is None else part for part, none in zip(parts, blank, strict=True)])
