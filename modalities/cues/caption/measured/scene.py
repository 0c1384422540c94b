"""Light and picture in words: dark, bright, flickering; a cut, a picture that moves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from modalities.cues.faces.cuts import SHOTS, Thumbnail, is_cut
from modalities.types import Frames

DARK, DIM, BRIGHT = 25.0, 55.0, 190.0
"""Mean grey, of 255."""
FLICKER = 6.0
"""Mean change of the mean grey from frame to frame."""
MOVES = 14.0
"""Mean change of a pixel of the thumbnails from frame to frame, beyond that of the light."""


def describe_scene(frames: Frames) -> list[str]:
    """Return phrases about light and picture; none where there is nothing unusual."""
    if not frames.images:
        return []
    thumbnails = [Thumbnail.of(image) for image in frames.images]
    light = np.array([thumbnail.grey.mean() for thumbnail in thumbnails])
    return _light(float(np.median(light))) + _changes(thumbnails, light)


def _light(level: float) -> list[str]:
    if level < DIM:
        return ["very dark picture" if level < DARK else "dim light"]
    return ["bright light"] if level > BRIGHT else []


def _changes(thumbnails: list[Thumbnail], light: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[str]:
    if len(thumbnails) < 3:
        return []
    if any(is_cut(before, now, SHOTS) for before, now in pairwise(thumbnails)):
        return ["the picture changes abruptly"]
    steps = np.abs(np.diff(light))
    pairs = pairwise(zip(thumbnails, light, strict=True))
    motion = [float(np.abs((now.grey - b) - (before.grey - a)).mean()) for (before, a), (now, b) in pairs]
    flickers, moves = steps.mean() >= FLICKER, np.mean(motion) >= MOVES
    return ["flickering light"] * bool(flickers) + ["the picture moves a lot"] * bool(moves)
