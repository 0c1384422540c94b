"""Who is in view, and how the head is held and moved, in words."""

from __future__ import annotations

import numpy as np

from modalities.types import Faces, Mask, Scores, Segment

NOBODY = "nobody in view"
NUMBERS = {2: "two people in view", 3: "three people in view", 4: "four people in view"}
MANY = "five or more people in view"
COMPANY = 0.25
"""Share of the frames in which there must be so many faces."""
MOST, PART = 0.4, 0.8
"""Shares of the frames with the face below which it is out of view most, or part, of the time."""
TURNED, LEANS, TURNS = (15.0, 30.0), (12.0, 20.0), 12.0
"""Degrees: held aside or tilted, some and far; and by how much the halves must differ for the head to turn."""
SWINGS = 3
"""Reversals in a segment that make a nod or a shake."""
NOD, SHAKE = 3.0, 4.5
"""Degrees of each swing."""


def main_track(faces: Faces) -> int:
    """Return whose face fills most of the frames: area × times seen; of two alike, the first; at least one row."""
    areas = np.prod(np.clip(faces.boxes[:, 2:] - faces.boxes[:, :2], 0, None), axis=1, dtype=np.float64)
    tracks, rows = np.unique(faces.tracks, return_inverse=True)
    return int(tracks[np.bincount(rows, areas).argmax()])


def describe_company(faces: Faces) -> str:
    """Tell how many there are; empty for one."""
    if not len(faces):
        return NOBODY
    counts = np.bincount(np.searchsorted(faces.looked, faces.times), minlength=len(faces.looked))
    number = sum((counts >= some).mean() >= COMPANY for some in range(2, counts.max() + 1)) + 1
    return "" if number == 1 else NUMBERS.get(number, MANY)


def describe_view(person: Faces) -> str:
    """Tell how long a person who is there for a part only is out of view; empty for one who is there throughout."""
    share = len(person) / len(person.looked)
    if share >= PART:
        return ""
    return f"the face is out of view {'part' if share >= MOST else 'most'} of the time"


def describe_head(person: Faces, segment: Segment) -> list[str]:
    """Tell how the head of one person is held and moved; at least one row."""
    yaw, pitch, roll = person.pose.T
    late = person.times >= segment.middle
    return [*_turn(np.abs(yaw), late), *_held(pitch, roll), *_swings(yaw, pitch)]


def _turn(yaw: Scores, late: Mask) -> list[str]:
    if late.any() and not late.all():
        further = float(np.median(yaw[late]) - np.median(yaw[~late]))
        if abs(further) >= TURNS:
            return ["the head turns away" if further > 0 else "the head turns to the camera"]
    return _degree(float(np.median(yaw)), TURNED, ("the head is turned aside", "the head is turned far aside"))


def _held(pitch: Scores, roll: Scores) -> list[str]:
    lean, tilt = float(np.median(pitch)), float(np.median(np.abs(roll)))
    return [
        *_degree(lean, LEANS, ("the head is lowered", "the head hangs low")),
        *_degree(-lean, LEANS, ("the head is raised", "the head is thrown back")),
        *_degree(tilt, LEANS, ("the head is tilted", "the head is tilted far to the side")),
    ]


def _swings(yaw: Scores, pitch: Scores) -> list[str]:
    nods = reversals(pitch, NOD) >= SWINGS
    shakes = reversals(yaw, SHAKE) >= SWINGS
    if nods and shakes:
        return ["the head moves about"]
    return ["the head nods"] * nods + ["the head shakes"] * shakes


def reversals(angles: Scores, least: float) -> int:
    """Count how often angles [N] turn back after having moved by at least so much."""
    count, direction, extreme = 0, 0, float(angles[0])
    for angle in map(float, angles):
        moved = angle - extreme
        if abs(moved) >= least and np.sign(moved) != direction:
            count, direction, extreme = count + (direction != 0), int(np.sign(moved)), angle
        elif moved * direction > 0:
            extreme = angle
    return count


def _degree(value: float, steps: tuple[float, float], phrases: tuple[str, str]) -> list[str]:
    reached = sum(value >= step for step in steps)
    return [phrases[reached - 1]] if reached else []
