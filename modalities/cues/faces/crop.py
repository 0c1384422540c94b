"""Cut a face out of a picture, upright, into a square of fixed size.

Geometry: the picture is turned so that the line through the outer corners of the eyes is level, and the square has the
centre of the box that then encloses the mesh and 1.25 times its longer side. So a crop holds the whole face from the
chin to the hairline with an eighth of margin on the tighter axis, also when the head is turned or the jaw has dropped
(it does not hold the eyes at one place and scale, as alignment by eye distance would, which swells when a head turns).
What lies outside the picture repeats the picture's border. Pixels are blended bilinearly, after area averaging where
the face is much larger than the crop.
"""

from __future__ import annotations

import cv2
import numpy as np

from modalities.cues.faces.find import Image
from modalities.types import Array

SIZE = 224
MARGIN = 1.25
EYES = (33, 263)
"""Outer corner of the eye to the left and to the right in the picture of an upright face."""
FOREHEAD, CHIN = 10, 152


def cut(image: Image, landmarks: Array, size: int = SIZE, margin: float = MARGIN) -> Image:
    """Cut out one face: landmarks [478, 2 or more] as shares of the picture → [size, size, 3] RGB."""
    height, width = image.shape[:2]
    points = landmarks[:, :2].astype(np.float64) * (width, height)
    turn = level(points)
    turned = points @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = size / max(margin * float((high - low).max()), 1.0)
    if scale < 0.5:
        return cut(*_nearer(image, landmarks, scale), size, margin)
    shift = size / 2 - scale * (low + high) / 2
    move = np.hstack([scale * turn, shift[:, None]])
    return np.asarray(
        cv2.warpAffine(image, move, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def level(points: Array) -> Array:
    """Return the rotation [2, 2] that makes the eye line of landmarks [478, 2] in pixels level.

    In a head turned far aside the eyes lie behind each other and their line means nothing; there the line from the
    forehead to the chin takes over, smoothly.
    """
    eyes = points[EYES[1]] - points[EYES[0]]
    down = points[CHIN] - points[FOREHEAD]
    across = np.array([down[1], -down[0]])
    missing = 1 - np.linalg.norm(eyes) / max(0.35 * float(np.linalg.norm(across)), 1e-9)
    x, y = eyes + max(0.0, missing) * across
    length = max(float(np.hypot(x, y)), 1e-9)
    return np.array([[x, y], [-y, x]]) / length


def _nearer(image: Image, landmarks: Array, scale: float) -> tuple[Image, Array]:
    """Halve a picture as often as bilinear blending alone would skip pixels."""
    factor = 2.0 ** np.ceil(np.log2(scale))
    smaller = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8), landmarks
