"""Face: what the movements of one face show, frame by frame.

Stepwise: a step is one sampled frame of one track. A frame in which the track was not seen is a masked step, not a
dropped one, so that the heads that look at time know how much of it passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np

from modalities.modality import Modality
from modalities.types import Encoding, Faces, Mask, Percept, Segment


class Face(Modality):
    """One step per sampled frame: the encoder's vector of the track's face in it."""

    name: ClassVar[str] = "face"
    about: ClassVar[Literal["track", "clip"]] = "track"
    stepwise: ClassVar[bool] = True
    wants: ClassVar[Mapping[str, type[Percept]]] = {"faces": Faces}

    class Config(Modality.Config):
        """Which cue finds the faces."""

        encoder: dict[str, Any] = {"kind": "face_embedded"}
        faces: str = "faces"

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Faces."""
        return {"faces": self.config.faces}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Steps [S, T, ...]: one for each frame that was looked at; masked where the track was not in it."""
        faces = cast(Faces, percepts["faces"])
        wanted = np.zeros(len(faces), np.bool_)
        for segment in segments:
            wanted |= _rows(faces, segment)
        steps_N = self.encoder.encode(faces.take(wanted))
        place_N = np.cumsum(wanted) - 1
        looked = [faces.looked[(faces.looked >= s.start) & (faces.looked < s.end)] for s in segments]
        encoding = Encoding.of(
            segments,
            [np.zeros((len(times), *steps_N.shape[1:]), steps_N.dtype) for times in looked],
            looked,
            like=steps_N[:0],
        )
        seen_ST = np.zeros_like(encoding.mask)
        for row, segment in enumerate(segments):
            rows = np.flatnonzero(_rows(faces, segment))
            steps = np.searchsorted(looked[row], faces.times[rows])
            encoding.steps[row, steps], seen_ST[row, steps] = steps_N[place_N[rows]], True
        return Encoding(encoding.segments, encoding.steps, seen_ST, encoding.times)


def _rows(faces: Faces, segment: Segment) -> Mask:
    track = -1 if segment.track is None else segment.track
    rows: Mask = (faces.times >= segment.start) & (faces.times < segment.end) & (faces.tracks == track)
    return rows
