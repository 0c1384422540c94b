"""Whom a row is about: where faces were seen, and which of them is the primary track at any time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from modalities.types import SECOND, Array, Faces, Mask, Microseconds, Scores, Times

NOBODY = -1
STAYS = 1 * SECOND
"""The primary track stays primary this long after its last box."""
LARGER = 1.5
"""Another face must be this many times larger to become primary while the primary one is in view."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """Where faces were seen: the light part of `Faces`, which a result keeps."""

    times: Times  # [N]
    tracks: Times  # [N]
    boxes: Scores  # [N, 4] left, top, right, bottom as shares of the frame
    scores: Scores  # [N]
    detected: Mask  # [N], False where a box was only followed
    looked: Times  # [F] frames that were looked at
    ran: Mask  # [F] where a detector really ran

    @classmethod
    def of(cls, faces: Faces | None) -> Sightings:
        """Keep what a result needs of the faces of a stretch; nothing where no cue looks for faces."""
        if faces is None:
            none, no = np.zeros(0, np.int64), np.zeros(0, np.bool_)
            return cls(none, none, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), no, none, no)
        return cls(faces.times, faces.tracks, faces.boxes, faces.scores, faces.detected, faces.looked, faces.ran)

    @classmethod
    def join(cls, parts: Iterable[Sightings]) -> Sightings:
        """Put sightings one after the other; at least one."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def since(self, time: Microseconds) -> Sightings:
        """Keep what was seen at `time` or later."""
        seen, looks = self.times >= time, self.looked >= time
        columns: dict[str, Array] = {f.name: getattr(self, f.name) for f in fields(self)}
        return Sightings(**{n: c[looks] if n in ("looked", "ran") else c[seen] for n, c in columns.items()})

    def tracks_in(self, start: Microseconds, end: Microseconds) -> list[int]:
        """Return the tracks seen in a span, in rising order."""
        first, last = np.searchsorted(self.times, [start, end])
        return sorted({int(track) for track in self.tracks[first:last]})

    @property
    def areas(self) -> Scores:
        """Share of the frame that each box covers [N]."""
        return (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])


class Primary:
    """Follows the primary track through time: the largest face, with hysteresis. Depends on the past alone."""

    def __init__(self) -> None:
        self._track = NOBODY
        self._seen: Microseconds = 0
        self._times: list[Microseconds] = []  # when the state below began
        self._states: list[tuple[int, Microseconds, int]] = []  # track, when it was last seen, and who follows it

    def see(self, sightings: Sightings) -> None:
        """Look at the next frames."""
        areas = sightings.areas
        edges = np.searchsorted(sightings.times, np.append(sightings.looked, np.iinfo(np.int64).max))
        for time, first, last in zip(sightings.looked, edges, edges[1:], strict=False):
            seen = dict(zip(sightings.tracks[first:last].tolist(), areas[first:last].tolist(), strict=True))
            self._step(int(time), seen)
            self._times.append(int(time))
            self._states.append((self._track, self._seen, NOBODY if self._track in seen else _largest(seen)))

    def _step(self, time: Microseconds, areas: dict[int, float]) -> None:
        largest = _largest(areas)
        if self._track in areas:
            self._track = largest if areas[largest] > LARGER * areas[self._track] else self._track
        elif self._track == NOBODY or time - self._seen > STAYS:
            self._track = largest
        if self._track in areas:
            self._seen = time

    def at(self, times: Times) -> Times:
        """Return the primary track at each time (rising) [F], `NOBODY` where there is none; then forgets the past."""
        index = np.searchsorted(np.array(self._times, np.int64), times, side="right") - 1
        tracks = np.full(len(times), NOBODY, np.int64)
        for row, (state, time) in enumerate(zip(index.tolist(), times.tolist(), strict=True)):
            if state >= 0:
                track, seen, follower = self._states[state]
                tracks[row] = track if time - seen <= STAYS else follower
        if len(index) and index[-1] > 0:
            self._times, self._states = self._times[index[-1] :], self._states[index[-1] :]
        return tracks


def _largest(areas: dict[int, float]) -> int:
    """Return the largest face in a frame, of equal ones the first track; `NOBODY` in an empty one."""
    return max(areas, key=lambda track: (areas[track], -track), default=NOBODY)
