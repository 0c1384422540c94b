"""What a model that writes captions is shown of a segment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modalities.types import SECOND, Frames, Segment


class Show(NamedTuple):
    """Frames of a segment [F, height, width, 3] and how many there are per second."""

    images: NDArray[np.uint8]
    rate: float


def choose(frames: Frames, segment: Segment, most: int) -> Show | None:
    """Choose at most so many frames of a segment, from its first to its last and evenly in time; None: it has none."""
    first, end = np.searchsorted(frames.times, [segment.start, segment.end])
    if first == end:
        return None
    times = frames.times[first:end]
    ideal = np.linspace(times[0], times[-1], most) if most > 1 else times.mean(keepdims=True)
    chosen = np.unique(np.abs(times[:, None] - ideal).argmin(0))
    images = np.stack([frames.images[first + row] for row in chosen])
    between = np.diff(times[chosen]).mean() if len(chosen) > 1 else segment.duration
    return Show(images, SECOND / float(between))
