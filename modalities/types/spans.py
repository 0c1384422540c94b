"""Time and arrays: the units that everything else is given in, and the segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Microseconds = int
SECOND: Microseconds = 1_000_000
FOREVER: Microseconds = 2**62
SAMPLE_RATE = 16_000
"""Of every waveform, mono."""
SAMPLED_FPS = 5
"""Of the one clip-wide grid of sampled frames."""

Array = NDArray[Any]
Times = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


def seconds(time: Microseconds) -> float:
    """Microseconds as seconds."""
    return time / SECOND


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of a clip, about one face (`track`) or about everything (`None`)."""

    start: Microseconds
    end: Microseconds
    track: int | None = None

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a segment must end after it starts, but got {self.start} to {self.end} µs")

    @property
    def middle(self) -> Microseconds:
        """Midpoint, rounded down."""
        return (self.start + self.end) // 2

    @property
    def duration(self) -> Microseconds:
        """Length."""
        return self.end - self.start
