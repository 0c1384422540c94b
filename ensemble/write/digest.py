"""A clip in one line: what it shows most often, how many faces, how much speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.timeline import Timeline
from ensemble.write.frames import primary, winners
from modalities.types import seconds


@dataclass(frozen=True, slots=True)
class Digest:
    """The line; `None` where nobody could say."""

    duration: float
    """Seconds."""
    top_compound: str | None
    """The compound that is on top in most video frames."""
    share: float | None
    """Of the frames with a compound, those in which it is on top."""
    faces: int
    """Tracks seen."""
    speech: float | None
    """Seconds of speech; `None` where no cue listens for it."""

    @classmethod
    def of(cls, timeline: Timeline) -> Digest:
        """Sum a timeline up."""
        columns = winners(primary(timeline.rows).scores["compound"])
        counts = np.bincount(columns[columns >= 0])
        spans = timeline.speech.spans if timeline.speech else None
        return cls(
            seconds(timeline.end - timeline.start),
            timeline.tasks["compound"].labels.names[int(counts.argmax())] if len(counts) else None,
            float(counts.max() / counts.sum()) if len(counts) else None,
            len(np.unique(timeline.sightings.tracks)),
            None if spans is None else seconds(int((spans[:, 1] - spans[:, 0]).sum())),
        )
