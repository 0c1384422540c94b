"""Signals: what is measured of each face, by name.

All 52 blendshapes under MediaPipe's names; those of two sides once more as the mean of both, without the side; and
measures of the upright mesh (in units of the distance between the outer corners of the eyes), for some muscles hardly
move a blendshape.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modalities.encoders.blendshapes import upright
from modalities.types import Faces, Scores

BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""In MediaPipe's order; left and right are the person's."""
HEIGHTS = {
    "browHeight": ((107, 133), (336, 362)),
    "browSlope": ((107, 70), (336, 300)),
    "lipToNose": ((2, 0),),
}
"""How much higher the first landmark is than the second, mean of both sides: inner end of the brow over the inner
corner of the eye and over the brow's outer end; foot of the nose over the upper lip."""
DISTANCES = {
    "eyeOpening": ((159, 145), (386, 374)),
    "lipGap": ((13, 14),),
    "mouthWidth": ((61, 291),),
}
"""Between the lids, the lips, the corners of the mouth."""
SMILE_WIDENS, SMILE_LIFTS = 0.12, 0.1
"""How much wider a full smile makes the mouth; what is added to its corners, so that no smile has them down."""


def read_signals(faces: Faces) -> dict[str, Scores]:
    """Return the signals [N] of faces, by name."""
    signals = dict(zip(BLENDSHAPES, faces.blendshapes.T, strict=True))
    for name in BLENDSHAPES:
        if name.endswith("Left") and name[:-4] + "Right" in signals:
            signals[name[:-4]] = (signals[name] + signals[name[:-4] + "Right"]) / 2
    return signals | _derived(signals) | _mesh(faces, signals["mouthSmile"])


def _derived(signals: Mapping[str, Scores]) -> dict[str, Scores]:
    """What is told by two blendshapes together."""
    inner, outer = signals["browInnerUp"], signals["browOuterUp"]
    left = (signals["eyeLookOutLeft"] + signals["eyeLookInRight"]) / 2
    right = (signals["eyeLookInLeft"] + signals["eyeLookOutRight"]) / 2
    return {
        "browUp": np.minimum(inner, outer),
        "browInnerAlone": inner - outer,
        "browOuterAlone": outer - inner,
        "eyeLookAside": np.maximum(left, right),
        "mouthRoll": (signals["mouthRollLower"] + signals["mouthRollUpper"]) / 2,
    }


def _mesh(faces: Faces, smile: Scores) -> dict[str, Scores]:
    meshes = upright(faces)
    found = {}
    for name, pairs in HEIGHTS.items():
        found[name] = np.mean([meshes[:, first, 1] - meshes[:, second, 1] for first, second in pairs], axis=0)
    for name, pairs in DISTANCES.items():
        gaps = [np.linalg.norm(meshes[:, first] - meshes[:, second], axis=1) for first, second in pairs]
        found[name] = np.mean(gaps, axis=0)
    lips = (meshes[:, 13, 1] + meshes[:, 14, 1]) / 2
    corners = (meshes[:, 61, 1] + meshes[:, 291, 1]) / 2
    found["cornerLiftUnsmiling"] = corners - lips + SMILE_LIFTS * smile
    found["mouthWidthUnsmiling"] = found["mouthWidth"] - SMILE_WIDENS * smile
    return found
