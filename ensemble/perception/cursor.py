"""A cursor closes segments while time goes on: for members, for cues with a grid, and for the timeline."""

from __future__ import annotations

from typing import Protocol

from modalities.grid import Grid, Span
from modalities.types import FOREVER, Microseconds, Segment


class Stretch(Protocol):
    """What a cursor must know of a stretch: footage, or what it left behind."""

    @property
    def end(self) -> Microseconds: ...  # noqa: D102
    @property
    def last(self) -> bool: ...  # noqa: D102
    @property
    def segments(self) -> tuple[Segment, ...] | None: ...  # noqa: D102


class Cursor:
    """Closes the segments of one grid, or of a list that the footage brings, each once."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._closed = 0
        self._listed: list[Span] | None = None  # by their ends, so that those that are over come first

    def close(self, until: Microseconds, stretch: Stretch) -> list[Span]:
        """Return the spans that are over at `until`; at the end of the clip, all that are left."""
        end = stretch.end if stretch.last else None
        if stretch.segments is not None:
            if self._listed is None:
                self._listed = sorted({(s.start, s.end) for s in stretch.segments}, key=lambda span: span[::-1])
            over = [span for span in self._listed[self._closed :] if end is not None or span[1] <= until]
            self._closed += len(over)
            return over
        spans = self._grid.close(self._closed, until, end)
        self._closed += len(spans)
        return spans

    def frontier(self) -> Microseconds:
        """Return the earliest start of a span that is still open."""
        if self._listed is not None:
            return min((start for start, _ in self._listed[self._closed :]), default=FOREVER)
        return self._grid.span(self._closed)[0]
