"""Modalities of words: a segment's text is one step, absent where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modalities.encoders.encoder import Encoder
from modalities.types import Encoding, Segment


def encode_texts(encoder: Encoder[Sequence[str]], segments: Sequence[Segment], texts: Sequence[str]) -> Encoding:
    """Turn one text per segment into steps [S, 1, E]; an empty text is a masked step."""
    there = np.array([bool(text) for text in texts], np.bool_)
    steps_S1E = np.zeros((len(segments), 1, encoder.width), np.float32)
    if there.any():
        steps_S1E[there, 0] = encoder.encode([text for text in texts if text])
    middles = np.array([segment.middle for segment in segments], np.int64)
    return Encoding(tuple(segments), steps_S1E, there[:, None], middles[:, None])
