"""Modalities of words: a segment's text is one step, or a step per token; absent where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modalities.encoders.encoder import Encoder
from modalities.types import Array, Encoding, Segment, Times


def encode_texts(encoder: Encoder[Sequence[str]], segments: Sequence[Segment], texts: Sequence[str]) -> Encoding:
    """Turn one text per segment into steps [S, T, E]; an empty text has none.

    An encoder gives one vector per text, which becomes one step in the middle of its segment; or one array of steps per
    text, which are spread evenly over it.
    """
    encoded: Array | list[Array] = encoder.encode([text for text in texts if text])
    raw = isinstance(encoded, list)
    nothing = np.zeros((0, encoder.width), np.int64 if raw else np.float32)
    rows = iter(encoded)
    steps = [np.reshape(next(rows), (-1, encoder.width)) if text else nothing for text in texts]
    times = [_spread(segment, len(some)) for segment, some in zip(segments, steps, strict=True)]
    return Encoding.of(segments, steps, times, like=nothing)


def _spread(segment: Segment, count: int) -> Times:
    """Return the middles [T] of equal parts of a segment."""
    places: Times = 2 * np.arange(count, dtype=np.int64) + 1
    return segment.start + places * (segment.end - segment.start) // max(2 * count, 1)
