"""Hands what a corpus brings to the stretches of a clip, each its own part, as the cue that found it would have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from modalities.types import Captions, ClipName, Faces, Frames, Microseconds, Percept, Speech, Transcript, Waveform


def part(percept: Percept, start: Microseconds, until: Microseconds) -> Percept:
    """Return what a percept has in a stretch, complete up to `until`; the parts of all stretches join to the whole.

    Frames and faces belong where they are, words where they begin, captions where they end; sound and speech are cut.
    """
    match percept:
        case ClipName():
            return replace(percept, until=until)
        case Frames() | Faces():
            return _seen(percept, start, until)
        case Transcript():
            return Transcript(tuple(word for word in percept.words if start <= word.start < until), until)
        case Captions():
            return Captions(tuple(caption for caption in percept.captions if start < caption.end <= until), until)
        case Speech():
            spans = np.clip(percept.spans, start, until)
            return Speech(spans[spans[:, 0] < spans[:, 1]], until)
        case Waveform():
            later = percept.since(start)
            return Waveform(later.cut(later.start, until), later.start, until)
    raise TypeError(f"say here which part of a {type(percept).__name__} belongs to a stretch")


def _seen(percept: Frames | Faces, start: Microseconds, until: Microseconds) -> Percept:
    def inside(times: Any) -> Any:
        return (times >= start) & (times < until)

    if isinstance(percept, Frames):
        kept = np.flatnonzero(inside(percept.times))
        return Frames(percept.times[kept], tuple(percept.images[row] for row in kept), until)
    looks = inside(percept.looked)
    return replace(
        percept.take(inside(percept.times)), looked=percept.looked[looks], ran=percept.ran[looks], until=until
    )
