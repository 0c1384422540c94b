"""How many segments of the papers' grid videos have, by reading them alone: nothing is decoded.

The papers cut a video by the length that its container states, and count the segments with a label in them (RAS §4.1).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from modalities.grid import Grid, cut
from modalities.media.moments import packet_times
from modalities.media.source import DEFAULT_LIMITS, opened
from modalities.types import Clip, Segment
from tuning.corpora.corpus import LabelledClip

SEGMENTS = "segments"


def count_segments(clip: LabelledClip) -> Counter[str]:
    """Count the segments of a clip, and those with a label of each task; raises `MediaError`."""
    if clip.path is None:
        return Counter()
    file = Clip.of(clip.path, clip.name)
    with opened(file, DEFAULT_LIMITS) as source:
        promised = source.promised
    times = packet_times(file)
    spans = cut(promised or 2 * int(times[-1]) - int(times[max(len(times) - 2, 0)]), Grid())
    found = Counter({SEGMENTS: len(spans)})
    for task, rows in clip.targets([Segment(*span) for span in spans], times).items():
        found[f"{SEGMENTS} of {task}"] = int((~np.isnan(rows).all(axis=1)).sum())
    return found
