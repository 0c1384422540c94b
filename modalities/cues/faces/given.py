"""Pictures that are a face already, as corpora of aligned faces have them: nothing is looked for, nothing is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import cv2
import numpy as np

from modalities.cues.cue import Cue
from modalities.cues.faces.crop import SIZE
from modalities.cues.faces.find import Image
from modalities.types import Faces, Frames, Percept, Segment


class FaceAsGiven(Cue):
    """Takes every frame for the upright face of one person (track 0), stretched to the size of a crop.

    Only the crop is real: landmarks, blendshapes and pose are zeros, so this serves encoders that look at crops, and
    none that reads the others.
    """

    name: ClassVar[str] = "face_as_given"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"frames": Frames}
    gives: ClassVar[type[Percept]] = Faces

    @property
    def needs(self) -> Mapping[str, str]:
        """Frames, which all footage brings."""
        return {"frames": "frames"}

    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],  # noqa: ARG002  it takes every frame, whatever the segment
        memory: None,  # noqa: ARG002  one frame has nothing to do with the next
    ) -> tuple[Faces, None]:
        """Take the frames of a stretch for faces."""
        frames = cast(Frames, percepts["frames"])
        count = len(frames.times)
        crops = np.array([_whole(image) for image in frames.images], np.uint8).reshape(count, SIZE, SIZE, 3)
        faces = Faces(
            times=frames.times,
            tracks=np.zeros(count, np.int64),
            boxes=np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1)),
            scores=np.ones(count, np.float32),
            detected=np.ones(count, np.bool_),
            crops=crops,
            landmarks=np.zeros((count, 478, 3), np.float32),
            blendshapes=np.zeros((count, 52), np.float32),
            pose=np.zeros((count, 3), np.float32),
            looked=frames.times,
            ran=np.ones(count, np.bool_),
            until=frames.until,
        )
        return faces, None


def _whole(image: Image) -> Image:
    """Stretch a picture [height, width, 3] to a crop; a larger one is averaged over areas."""
    smaller = max(image.shape[:2]) > SIZE
    return np.asarray(cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
