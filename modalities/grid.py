"""Grids: the rule that cuts time into segments, as it closes them while time goes on.

Grid(duration=4, step=2, tail=1)      the papers' segments (RAS §3; SUN cuts alike)
FRAMES                                the cells of the clip-wide 5-per-second grid, one sampled frame each
"""

from __future__ import annotations

from typing import Self

from pydantic import FiniteFloat, model_validator

from modalities.config import Config
from modalities.types import SAMPLED_FPS, SECOND, Microseconds

Span = tuple[Microseconds, Microseconds]


class Grid(Config):
    """Spans of `duration` seconds that start every `step` seconds; the last may be as short as `tail`."""

    duration: FiniteFloat = 4.0
    step: FiniteFloat = 2.0
    tail: FiniteFloat = 1.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (0 < self.step <= self.duration and 0 <= self.tail <= self.duration):
            raise ValueError(
                f"a grid needs 0 < step ≤ duration and 0 ≤ tail ≤ duration, but got duration {self.duration}, "
                f"step {self.step}, tail {self.tail} (seconds)"
            )
        return self

    def span(self, number: int) -> Span:
        """The number-th span, uncut."""
        return round(number * self.step * SECOND), round((number * self.step + self.duration) * SECOND)

    def close(self, first: int, until: Microseconds, end: Microseconds | None) -> list[Span]:
        """Return the spans from number `first` on that are over at `until`; at the clip's `end`, the cut one too.

        The first open span is cut at the end if it is the first of all or at least `tail` long, and only if the last
        closed one ended earlier.
        """
        spans: list[Span] = []
        limit = until if end is None else end
        while (span := self.span(first + len(spans)))[1] <= limit:
            spans.append(span)
        if end is None:
            return spans
        number = first + len(spans)
        start = self.span(number)[0]
        earlier_end = self.span(number - 1)[1] if number else 0
        if start < end and earlier_end < end and (number == 0 or end - start >= round(self.tail * SECOND)):
            spans.append((start, end))
        return spans


FRAMES = Grid(duration=1 / SAMPLED_FPS, step=1 / SAMPLED_FPS, tail=0.0)


def cut(duration: Microseconds, grid: Grid) -> list[Span]:
    """Cut a whole clip of this length."""
    return grid.close(0, duration, duration)
