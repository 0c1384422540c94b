"""Where the rows of a clip's labels lie: at presentation times, at numbers of video frames, or over spans.

Each turns its rows into what training needs (targets of segments, by the papers' rule: the mean over the valid frames
inside; for a distribution that is the share of frames per class, as RAS uses on Aff-Wild2) and into what evaluation
needs (`units`: the moments or spans that are scored one by one). A segment without a valid row has no target (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modalities.types import FOREVER, Array, Scores, Segment, Times


class Labelling(Protocol):
    """Where N rows of labels lie."""

    def __len__(self) -> int: ...

    def targets(self, segments: Sequence[Segment], rows: Scores, row_times: Times) -> Scores:
        """Turn rows of labels [N, C] into targets of segments [S, C]; `row_times` [F]: of every video frame."""
        ...

    def units(self, row_times: Times) -> Times:
        """Return what is scored [N, 2]: spans; a moment is a span without length; −1 where the clip has none."""
        ...


@dataclass(frozen=True, slots=True)
class AtTimes:
    """A row for each video frame that was labelled, by its presentation time in microseconds."""

    times: Times  # [N], rising

    def __len__(self) -> int:
        return len(self.times)

    def targets(self, segments: Sequence[Segment], rows: Scores, row_times: Times) -> Scores:  # noqa: ARG002
        """Average the valid rows inside each segment."""
        return _means_inside(segments, self.times, rows)

    def units(self, row_times: Times) -> Times:  # noqa: ARG002  the times are known
        """Moments."""
        return np.stack([self.times, self.times], axis=1)


@dataclass(frozen=True, slots=True)
class AtFrames:
    """A row for each of some video frames, by their numbers from 0 (annotation files have a line per frame)."""

    numbers: Array  # [N] int64, rising

    def __len__(self) -> int:
        return len(self.numbers)

    def targets(self, segments: Sequence[Segment], rows: Scores, row_times: Times) -> Scores:
        """Average the valid rows inside each segment; rows beyond the last frame count for none."""
        there = self.numbers < len(row_times)
        return _means_inside(segments, row_times[self.numbers[there]], rows[there])

    def units(self, row_times: Times) -> Times:
        """Moments; −1 where the clip has no such frame."""
        there = self.numbers < len(row_times)
        times = np.where(there, np.append(row_times, -1)[np.where(there, self.numbers, -1)], -1)
        return np.stack([times, times], axis=1)


@dataclass(frozen=True, slots=True)
class OverSpans:
    """A row for each span; one span for a clip that is labelled as a whole."""

    spans: Times  # [N, 2]

    @classmethod
    def whole(cls) -> OverSpans:
        """One row for all of the clip."""
        return cls(np.array([[0, FOREVER]], np.int64))

    def __len__(self) -> int:
        return len(self.spans)

    def targets(self, segments: Sequence[Segment], rows: Scores, row_times: Times) -> Scores:  # noqa: ARG002
        """Take the row of the equal span, or the mean of those that overlap, by how long they do."""
        found = np.full((len(segments), rows.shape[1]), np.nan, np.float32)
        for number, segment in enumerate(segments):
            equal = (self.spans[:, 0] == segment.start) & (self.spans[:, 1] == segment.end)
            start, end = np.maximum(self.spans[:, 0], segment.start), np.minimum(self.spans[:, 1], segment.end)
            weight_N = equal.astype(np.float64) if equal.any() else np.clip(end - start, 0, None).astype(np.float64)
            weight_NC = weight_N[:, None] * ~np.isnan(rows)
            total_C = weight_NC.sum(axis=0)
            mean_C = (np.nan_to_num(rows) * weight_NC).sum(axis=0) / np.where(total_C > 0, total_C, 1)
            found[number] = np.where(total_C > 0, mean_C, np.nan)
        return found

    def units(self, row_times: Times) -> Times:  # noqa: ARG002  spans are spans
        """Spans."""
        return self.spans


def _means_inside(segments: Sequence[Segment], times: Times, rows: Scores) -> Scores:
    edges = np.searchsorted(times, np.array([(s.start, s.end) for s in segments], np.int64).reshape(-1, 2))
    valid = ~np.isnan(rows)
    zero = np.zeros((1, rows.shape[1]))
    sums = np.concatenate([zero, np.cumsum(np.where(valid, rows, 0), axis=0, dtype=np.float64)])
    counts = np.concatenate([zero, np.cumsum(valid, axis=0)])
    count = counts[edges[:, 1]] - counts[edges[:, 0]]
    mean = (sums[edges[:, 1]] - sums[edges[:, 0]]) / np.where(count > 0, count, 1)
    return np.where(count > 0, mean, np.nan).astype(np.float32)
