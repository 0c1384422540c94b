"""What a face does, in numbers: 52 blendshapes, the pose of the head, and measures of the mesh.

The blendshapes of MediaPipe were made to drive avatars; they hardly move for thin lips, a sharp brow, a wrinkled nose.
The measures see these. They are taken in the mesh after the head's rotation is undone, in units of the distance between
the outer corners of the eyes, on both sides of the face apart. `MEASURES` says which action units of the ABAW
challenges each serves; among them every one of the twelve is served. The rotation is read off the mesh itself, from the
eyes and the line from forehead to chin: the pose depends on where in the frame a face is, by several degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from modalities.config import Config
from modalities.encoders.encoder import Encoder
from modalities.types import Faces, Scores

BLENDSHAPES, POSE = 52, 3
DEGREES = 45.0
"""One unit of head pose."""
EYES = (33, 263)
"""Outer corner of the person's right eye and of the left one."""
FOREHEAD, CHIN = 10, 152


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure between two landmarks of the right half of the face, and the same on the left or None (middle).

    `above`: how much higher the first is; `before`: how much nearer to us; `aside`: how far apart from side to side;
    `apart`: how far apart.
    """

    serves: str
    kind: Literal["above", "before", "aside", "apart"]
    right: tuple[int, int]
    left: tuple[int, int] | None = None


MEASURES = (
    Measure("AU1, AU4: height of the inner brow over the inner corner of the eye", "above", (107, 133), (336, 362)),
    Measure("AU1, AU2: height of the middle of the brow over the outer corner", "above", (105, 33), (334, 263)),
    Measure("AU2: height of the outer brow over the outer corner", "above", (70, 33), (300, 263)),
    Measure("AU1, AU4: slope of the brow", "above", (107, 70), (336, 300)),
    Measure("AU4: distance of the brows", "aside", (55, 285)),
    Measure("AU4: inner brow to the root of the nose", "apart", (55, 168), (285, 168)),
    Measure("AU6, AU7: opening of the eye in the middle", "apart", (159, 145), (386, 374)),
    Measure("AU6, AU7: opening near the nose", "apart", (158, 153), (385, 380)),
    Measure("AU6, AU7: opening near the temple", "apart", (160, 144), (387, 373)),
    Measure("AU7: height of the lower lid over the inner corner", "above", (145, 133), (374, 362)),
    Measure("AU4, AU7: height of the upper lid over the inner corner", "above", (159, 133), (386, 362)),
    Measure("AU6: cheek to lower lid", "apart", (50, 145), (280, 374)),
    Measure("AU6, AU12: how far the cheek stands out before the eye", "before", (50, 33), (280, 263)),
    Measure("AU10: wing of the nose to the inner corner of the eye", "apart", (129, 133), (358, 362)),
    Measure("AU10, AU12: width of the nose", "aside", (129, 358)),
    Measure("AU10: upper lip to the wing of the nose", "apart", (37, 129), (267, 358)),
    Measure("AU10, AU24: upper lip to the nose", "above", (2, 0)),
    Measure(
        "AU12, AU15: height of the corner of the mouth over the upper lip's lower edge", "above", (61, 13), (291, 13)
    ),
    Measure("AU12, AU15: corner of the mouth to the eye", "apart", (61, 33), (291, 263)),
    Measure("AU15: corner of the mouth over the side of the lower lip", "above", (61, 91), (291, 321)),
    Measure(
        "AU12: how far the corner lies before the nose's root (pulled back in a smile)", "before", (61, 168), (291, 168)
    ),
    Measure("AU12, AU23: width of the mouth", "aside", (61, 291)),
    Measure("AU23, AU24: width inside the lips", "aside", (78, 308)),
    Measure("AU23, AU24: thickness of the upper lip", "apart", (0, 13)),
    Measure("AU23, AU24: its thickness at the side", "apart", (37, 82), (267, 312)),
    Measure("AU23, AU24: thickness of the lower lip", "apart", (14, 17)),
    Measure("AU23, AU24: its thickness at the side", "apart", (84, 87), (314, 317)),
    Measure("AU23, AU24: how far the upper lip stands out before the nose's foot", "before", (0, 2)),
    Measure("AU23, AU26: how far the lower lip stands out before it", "before", (17, 2)),
    Measure("AU25: gap between the lips", "apart", (13, 14)),
    Measure("AU25: gap at the side", "apart", (82, 87), (312, 317)),
    Measure("AU25, AU26: nose to lower lip", "above", (2, 17)),
    Measure("AU26: nose to chin", "above", (2, 152)),
    Measure("AU15, AU26: lower lip to chin", "above", (17, 152)),
)
PAIRS = [(m.kind, pair) for m in MEASURES for pair in (m.right, m.left) if pair is not None]


class Blendshapes(Encoder[Faces]):
    """Blendshapes in [0, 1], yaw, pitch, roll in units of 45 degrees, and the measures."""

    name: ClassVar[str] = "blendshapes"
    kind: ClassVar[str] = "face"
    width: int = BLENDSHAPES + POSE + len(PAIRS)

    class Config(Config):
        """It has no settings."""

    def encode(self, inputs: Faces) -> Scores:
        """One vector per face [N, E]; each depends on its own row alone."""
        return np.concatenate([inputs.blendshapes, inputs.pose / DEGREES, measure(upright(inputs))], axis=1)


def upright(faces: Faces) -> Scores:
    """Undo the rotation of the heads: meshes [N, 478, 3], x to the person's left, y up, z to us; eyes apart by one.

    Landmarks are shares of the frame; its shape is that of the boxes, which are squares of pixels.
    """
    sides_N2 = faces.boxes[:, 2:] - faces.boxes[:, :2]
    aspect_N1 = sides_N2[:, 1:] / sides_N2[:, :1]  # width of the frame over its height
    mesh = faces.landmarks * np.stack([aspect_N1, -np.ones_like(aspect_N1), -aspect_N1], axis=2)
    eyes = mesh[:, EYES[1]] - mesh[:, EYES[0]]
    apart = np.maximum(np.linalg.norm(eyes, axis=1), 1e-9)[:, None]
    across = eyes / apart
    ahead = np.cross(across, mesh[:, FOREHEAD] - mesh[:, CHIN])
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)[:, None]
    axes = np.stack([across, np.cross(ahead, across), ahead], axis=2)
    return np.asarray(np.einsum("npi,nij->npj", mesh, axes) / apart[:, None], np.float32)


def measure(meshes: Scores) -> Scores:
    """Take all measures of upright meshes [N, 478, 3] → [N, measures], right before left."""
    columns = []
    for kind, (first, second) in PAIRS:
        x, y, z = (meshes[:, first] - meshes[:, second]).T
        columns.append({"above": y, "before": z, "aside": np.abs(x), "apart": np.sqrt(x * x + y * y + z * z)}[kind])
    return np.stack(columns, axis=1).astype(np.float32)
