"""Impressions: what a stretch left behind, before anyone judges it.

In process they are judged at once (`ensemble/recognizer.py`), in bulk they are kept for training
(`tuning/encodings.py`); both run the same `Perception`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ensemble.tracks import Sightings
from modalities.grid import Grid
from modalities.types import Captions, Encoding, Microseconds, Segment, Speech, Times, Transcript

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
    speech: Speech | None
    transcript: Transcript | None
    captions: Captions | None
    segments: tuple[Segment, ...] | None
    problems: tuple[str, ...]
