"""Say who is who from one sampled frame to the next.

A face goes on as the track for which distance and likeness together fit best (all pairs at once, Hungarian method).
Distance counts in face sizes and may grow with the time since the track was last seen; likeness compares small upright
pictures of the two faces, and keeps two people apart of whom one passes in front of the other. A track that was not
seen for longer than the tolerated gap, or before a cut, is over: whoever comes then has a new number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from modalities.cues.faces.find import Face, Image
from modalities.types import Microseconds, seconds

LOOK = 16
"""Side in pixels of the picture that likeness compares."""
REACH, SPEED = 0.8, 1.5
"""How far a face may be from where its track was last seen, in its size: at once, and more per second."""
GROWTH = 2.0
"""Largest ratio of sizes."""
LIKENESS = 1.0
"""What a likeness of zero costs, in reaches, beside a perfect one."""
REFUSED = 1e6

Look = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Track:
    """One person as last seen."""

    number: int
    face: Face
    look: Look  # [LOOK, LOOK]
    seen: Microseconds


def look(crop: Image) -> Look:
    """Make of an upright crop what likeness compares: small, grey, of mean zero and length one."""
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (LOOK, LOOK), interpolation=cv2.INTER_AREA)
    centred = grey.astype(np.float32) - grey.mean(dtype=np.float32)
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-3), np.float32)


def associate(
    tracks: Sequence[Track], faces: Sequence[Face], looks: Sequence[Look], time: Microseconds, shape: tuple[int, int]
) -> list[Track | None]:
    """Give each face the track that it continues, or None. `shape`: height and width of the frame in pixels."""
    from scipy.optimize import linear_sum_assignment  # whoever follows no faces does without this second

    found: list[Track | None] = [None] * len(faces)
    costs = np.full((len(tracks), len(faces)), REFUSED)
    for row, track in enumerate(tracks):
        for column, face in enumerate(faces):
            apart = _distance(track, face, time, shape)
            if apart < 1:
                costs[row, column] = apart + LIKENESS * (1 - float((track.look * looks[column]).sum()))
    for row, column in zip(*linear_sum_assignment(costs), strict=True):
        if costs[row, column] < REFUSED:
            found[column] = tracks[row]
    return found


def _distance(track: Track, face: Face, time: Microseconds, shape: tuple[int, int]) -> float:
    """Distance over what is allowed after that time; infinite where the sizes do not fit."""
    pixels = np.array([shape[1], shape[0], shape[1], shape[0]])
    before, now = track.face.box * pixels, face.box * pixels
    sizes = [float(np.sqrt(np.prod(box[2:] - box[:2]))) for box in (before, now)]
    if min(sizes) <= 0 or max(sizes) > GROWTH * min(sizes):
        return float("inf")
    centres = (before[:2] + before[2:]) / 2 - (now[:2] + now[2:]) / 2
    return float(np.linalg.norm(centres)) / (max(sizes) * (REACH + SPEED * seconds(time - track.seen)))
