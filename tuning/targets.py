"""From labels of frames to targets of segments, by the papers' rule: the mean over the valid frames inside.

For a distribution that is the share of frames per class (soft labels, as RAS uses on Aff-Wild2), for an action unit the
share of frames in which it is active. A segment without a valid frame has no target (NaN).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modalities.types import Scores, Segment
from tuning.corpora.corpus import LabelledClip


def segment_targets(segments: Sequence[Segment], clip: LabelledClip) -> dict[str, Scores]:
    """Return task → targets [S, C]."""
    edges = np.searchsorted(clip.times, np.array([(s.start, s.end) for s in segments], np.int64).reshape(-1, 2))
    targets: dict[str, Scores] = {}
    for task, labels in clip.labels.items():
        valid = ~np.isnan(labels)
        zero = np.zeros((1, labels.shape[1]))
        sums = np.concatenate([zero, np.cumsum(np.where(valid, labels, 0), axis=0, dtype=np.float64)])
        counts = np.concatenate([zero, np.cumsum(valid, axis=0)])
        count = counts[edges[:, 1]] - counts[edges[:, 0]]
        mean = (sums[edges[:, 1]] - sums[edges[:, 0]]) / np.where(count > 0, count, 1)
        targets[task] = np.where(count > 0, mean, np.nan).astype(np.float32)
    return targets
