"""The values that flow: clip → footage → percepts → encoding → output.

Every value is frozen, checks itself when it is made, and carries its times. All times are integer microseconds after
the clip's origin (`container.start_time`); a span holds `start <= t < end`.

Axis letters of locals in numeric code: S segments, T steps, E encoding width, C classes, D features, M members,
H fusion heads, K compounds, F frames, B batch. `scores_SC` has one row per segment and one column per class.
"""

from modalities.types.footage import Clip, Footage
from modalities.types.judged import Encoding, Output, Scored
from modalities.types.percepts import ClipName, Faces, Frames, Percept, Speech, Waveform, join_all
from modalities.types.spans import (
    FOREVER,
    SAMPLE_RATE,
    SAMPLED_FPS,
    SECOND,
    Array,
    Mask,
    Microseconds,
    Scores,
    Segment,
    Times,
    seconds,
)
from modalities.types.texts import Caption, Captions, Transcript, Word

__all__ = [
    "FOREVER",
    "SAMPLED_FPS",
    "SAMPLE_RATE",
    "SECOND",
    "Array",
    "Caption",
    "Captions",
    "Clip",
    "ClipName",
    "Encoding",
    "Faces",
    "Footage",
    "Frames",
    "Mask",
    "Microseconds",
    "Output",
    "Percept",
    "Scored",
    "Scores",
    "Segment",
    "Speech",
    "Times",
    "Transcript",
    "Waveform",
    "Word",
    "join_all",
    "seconds",
]
