"""Label matching: how near what is seen comes to the words for each expression (RAS, member 14).

Stepwise: a step is one sampled frame, or the largest face in it. Its encoder looks at pictures and its heads at texts:
both live in the one space of a CLIP, so that a label needs no examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, cast

import numpy as np

from modalities.modality import Modality
from modalities.types import Array, Encoding, Faces, Frames, Mask, Percept, Segment, Times


class Match(Modality):
    """One step per sampled frame: the encoder's vector of the picture; masked where there is none."""

    name: ClassVar[str] = "match"
    about: ClassVar[Literal["track", "clip"]] = "clip"
    stepwise: ClassVar[bool] = True
    wants: ClassVar[Mapping[str, type[Percept]]] = {"frames": Frames, "faces": Faces}
    tasks: ClassVar[tuple[str, ...]] = ("expression", "compound")

    class Config(Modality.Config):
        """What the pictures are: whole frames, or the largest face in each, as a cue found it."""

        encoder: dict[str, Any] = {"kind": "clip_picture"}
        looks_at: Literal["frames", "faces"] = "frames"
        faces: str = "faces"

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Frames, or faces."""
        return {"frames": "frames"} if self.config.looks_at == "frames" else {"faces": self.config.faces}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Steps [S, T, …]: one for each frame that was looked at; masked where it shows no face, if one is wanted."""
        if self.config.looks_at == "frames":
            seen = _whole(cast(Frames, percepts["frames"]))
        else:
            seen = _largest(cast(Faces, percepts["faces"]))
        wanted = np.zeros(len(seen.times), np.bool_)
        for segment in segments:
            wanted |= _inside(seen.times, segment)
        steps_N = self.encoder.encode([seen.images[row] for row in np.flatnonzero(wanted).tolist()])
        place = np.cumsum(wanted) - 1
        looked = [seen.looked[_inside(seen.looked, segment)] for segment in segments]
        blank = [np.zeros((len(times), *steps_N.shape[1:]), steps_N.dtype) for times in looked]
        encoding = Encoding.of(segments, blank, looked, like=steps_N[:0])
        there_ST = np.zeros_like(encoding.mask)
        for row, segment in enumerate(segments):
            rows = np.flatnonzero(_inside(seen.times, segment))
            at = np.searchsorted(looked[row], seen.times[rows])
            encoding.steps[row, at], there_ST[row, at] = steps_N[place[rows]], True
        return Encoding(encoding.segments, encoding.steps, there_ST, encoding.times)


class _Pictures(NamedTuple):
    """Pictures with their times [N], and the times at which one was looked for [F]."""

    times: Times
    images: Sequence[Array]
    looked: Times


def _whole(frames: Frames) -> _Pictures:
    return _Pictures(frames.times, frames.images, frames.times)


def _largest(faces: Faces) -> _Pictures:
    """Keep the largest face of each frame; of equals, the first."""
    sides_N2 = faces.boxes[:, 2:] - faces.boxes[:, :2]
    order = np.lexsort([-sides_N2.prod(axis=1), faces.times])
    times, first = np.unique(faces.times[order], return_index=True)
    return _Pictures(times, list(faces.crops[order[first]]), faces.looked)


def _inside(times: Times, segment: Segment) -> Mask:
    inside: Mask = (times >= segment.start) & (times < segment.end)
    return inside
