"""The steps of a stepwise modality: each encoded once, then gathered into the segments of every head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ensemble.host import Encodes
from modalities.grid import Span
from modalities.types import Array, Encoding, Faces, Microseconds, Percept, Segment, Times


class StepStore:
    """The steps of a stepwise modality, each encoded once, until no open segment can need them."""

    def __init__(self, modality: Encodes) -> None:
        self._modality = modality
        self._looked: Times = np.zeros(0, np.int64)
        self._steps: dict[int | None, tuple[Times, Array]] = {}
        self._like: Array = np.zeros((0, 0), np.float32)  # no step, of the modality's shape and dtype

    def add(self, percepts: Mapping[str, Percept], stretch: Segment) -> None:
        """Encode the new steps of everything or of every track; a segment about nobody tells which frames exist."""
        tracks: list[int | None] = [None]
        if self._modality.about == "track":
            tracks += np.unique(faces_of(percepts).tracks).tolist()
        new = self._modality.encode(percepts, [Segment(stretch.start, stretch.end, track) for track in tracks])
        if not new.mask.shape[1] and new.steps.ndim < 3:  # nobody could look, so nothing is known of its vectors
            return
        self._like = new.steps.reshape(-1, *new.steps.shape[2:])[:0]
        self._looked = np.concatenate([self._looked, new.times[0]])
        for track, steps, mask, times in zip(tracks, new.steps, new.mask, new.times, strict=True):
            if (track is None) == (self._modality.about == "clip"):
                old_times, old_steps = self._steps.get(track, (times[:0], steps[:0]))
                self._steps[track] = np.concatenate([old_times, times[mask]]), np.concatenate([old_steps, steps[mask]])

    def gather(self, spans: Iterable[Span]) -> Encoding:
        """Return an encoding of each span × each track seen in it; a frame without the track is a masked step."""
        found: list[tuple[Segment, Times, Times, Array]] = []
        for start, end in spans:
            looked = self._looked[slice(*np.searchsorted(self._looked, [start, end]))]
            for track, (times, steps) in self._steps.items():
                first, last = np.searchsorted(times, [start, end])
                if first < last:
                    found.append((Segment(start, end, track), looked, times[first:last], steps[first:last]))
        like = self._like
        frames = [looked for _, looked, _, _ in found]
        blank = [np.zeros((len(looked), *like.shape[1:]), like.dtype) for looked in frames]
        encoding = Encoding.of([segment for segment, *_ in found], blank, frames, like)
        seen = np.zeros_like(encoding.mask)
        for row, (_, looked, times, steps) in enumerate(found):
            places = np.searchsorted(looked, times)
            encoding.steps[row, places], seen[row, places] = steps, True
        return Encoding(encoding.segments, encoding.steps, seen, encoding.times)

    def forget(self, before: Microseconds) -> None:
        """Drop steps that no open segment can need."""
        self._looked = self._looked[np.searchsorted(self._looked, before) :]
        kept = {track: (t[i:], s[i:]) for track, (t, s) in self._steps.items() for i in [np.searchsorted(t, before)]}
        self._steps = {track: (times, steps) for track, (times, steps) in kept.items() if len(times)}


def faces_of(percepts: Mapping[str, Percept]) -> Faces:
    """Return the faces among percepts; a modality about tracks needs them."""
    found = next((percept for percept in percepts.values() if isinstance(percept, Faces)), None)
    if found is None:
        raise ValueError(f"a modality about tracks needs Faces, but has only {', '.join(percepts)}")
    return found
