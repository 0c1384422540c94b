"""Impressions: what a stretch left behind, before anyone judges it.

In process they are judged at once (`ensemble/recognizer.py`), in bulk they are kept for training
(`tuning/encodings/`); both run the same `Perception`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ensemble.tracks import Sightings
from modalities.grid import Grid
from modalities.types import Captions, Encoding, Microseconds, Segment, Speech, Times, Transcript

Told = Speech | Transcript | Captions
"""What is light enough to be kept of what cues found."""
T = TypeVar("T", Speech, Transcript, Captions)

Key = tuple[str, Grid]
"""Members of one modality that share a grid share their encoding."""


@dataclass(frozen=True, slots=True)
class Impression:
    """What a stretch left behind: rows to fill, who was seen, what was said, and the encodings of closed segments."""

    start: Microseconds
    end: Microseconds
    last: bool
    row_times: Times
    sightings: Sightings
    encodings: Mapping[Key, Encoding]
    frontiers: Mapping[Key, Microseconds]  # where the first segment starts that is still open; FOREVER at the end
    told: Mapping[str, Told]  # cue's instance name → what it found
    segments: tuple[Segment, ...] | None
    problems: tuple[str, ...]

    @property
    def speech(self) -> Speech | None:
        """Where somebody spoke, if a cue listened."""
        return self._first(Speech)

    @property
    def transcript(self) -> Transcript | None:
        """What was said, if a cue understands words."""
        return self._first(Transcript)

    @property
    def captions(self) -> Captions | None:
        """What was to be seen, in words, if a cue tells."""
        return self._first(Captions)

    def _first(self, kind: type[T]) -> T | None:
        return next((percept for percept in self.told.values() if isinstance(percept, kind)), None)
