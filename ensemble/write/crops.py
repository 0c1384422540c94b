"""Faces to show beside a timeline: a few moments of interest, decoded once more and cut out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.timeline import Timeline, shares
from ensemble.write.frames import names, primary, winners
from modalities.media import MediaError, frame_at
from modalities.types import Array, Clip, Microseconds

MARGIN = 0.25
"""Of a box's longer side, added on every side."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the primary face is worth a look: where it is, and what is on top."""

    time: Microseconds
    box: tuple[float, float, float, float]  # left, top, right, bottom as shares of the frame
    label: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Crop:
    """A moment with its face."""

    moment: Moment
    image: NDArray[np.uint8]  # [side, side, 3] RGB


def moments(timeline: Timeline, most: int = 6) -> list[Moment]:
    """Choose at most one moment in each of `most` equal parts of a clip: where the top compound is most probable.

    A face that a detector found goes before one that was only followed.
    """
    rows, seen = primary(timeline.rows), timeline.sightings
    if not len(seen.times) or not len(rows.times):
        return []
    probability = shares(rows.scores["compound"])
    top = np.nan_to_num(probability, nan=0).max(axis=1)
    labels = names(winners(probability), timeline.tasks["compound"].labels)
    row_of = (np.searchsorted(rows.times, seen.times, side="right") - 1).clip(min=0)
    part_of = (seen.times - timeline.start) * most // max(1, timeline.end - timeline.start)
    about = seen.tracks == rows.tracks[row_of]
    worth = np.where(about, 1 + top[row_of] + seen.detected, 0)
    chosen: list[Moment] = []
    for part in range(most):
        best = int(np.argmax(np.where(part_of == part, worth, 0)))
        if part_of[best] == part and worth[best] > 0:
            left, upper, right, lower = seen.boxes[best].tolist()
            row = int(row_of[best])
            chosen.append(Moment(int(seen.times[best]), (left, upper, right, lower), labels[row], float(top[row])))
    return chosen


def crops(clip: Clip, wanted: Sequence[Moment]) -> list[Crop]:
    """Decode the frames of these moments again and cut the faces out; without those that cannot be had again."""
    found: list[Crop] = []
    for moment in wanted:
        with suppress(MediaError):
            found.append(Crop(moment, square(frame_at(clip, moment.time), moment.box)))
    return found


def square(image: Array, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """Cut a box with some margin out of an image [height, width, 3] as a square; white where the image ends."""
    height, width = image.shape[:2]
    left, upper, right, lower = (share * size for share, size in zip(box, (width, height) * 2, strict=True))
    side = max(2, round(max(right - left, lower - upper) * (1 + 2 * MARGIN)))
    x, y = round((left + right - side) / 2), round((upper + lower - side) / 2)
    cut = np.full((side, side, 3), 255, np.uint8)
    inside = image[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)]
    cut[max(0, -y) : max(0, -y) + inside.shape[0], max(0, -x) : max(0, -x) + inside.shape[1]] = inside
    return cut
