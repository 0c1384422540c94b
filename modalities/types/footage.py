"""A clip, and a stretch of it, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modalities.types.percepts import Frames, Percept, Waveform
from modalities.types.spans import Microseconds, Segment, Times


@dataclass(frozen=True, slots=True)
class Clip:
    """One media file: a path, or its bytes with a name for messages."""

    source: Path | bytes
    name: str

    @classmethod
    def of(cls, source: str | Path | bytes, name: str | None = None) -> Clip:
        """Make a clip of a path or of bytes."""
        if isinstance(source, bytes):
            return cls(source, name or "clip")
        return cls(Path(source), name or Path(source).name)


@dataclass(frozen=True, slots=True)
class Footage:
    """A stretch of a clip, decoded; no result depends on how long stretches are.

    `percepts` may hold what exists already (a table of transcripts, say): it is not perceived again. `segments`, if
    given, are judged instead of those of each member's grid. `problems`: sentences about what could not be decoded.
    """

    start: Microseconds
    end: Microseconds
    last: bool
    frames: Frames
    row_times: Times  # [F] of *every* video frame of the stretch; at 25 Hz where there is only sound
    waveform: Waveform
    percepts: Mapping[str, Percept] = field(default_factory=dict)
    segments: tuple[Segment, ...] | None = None
    problems: tuple[str, ...] = ()
    clip: str = ""
    """The clip's name."""
