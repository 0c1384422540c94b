"""The two portraits that the demo corpus warps, brought to one canvas, and where their landmarks are.

Both are official United States Government photographs without known copyright: Eileen Collins (NASA, shipped with
scikit-image as `astronaut`) and Grace Hopper (US Navy, shipped with matplotlib). Neither is stored in this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import mediapipe as mp
import numpy as np
import skimage.data
from matplotlib import cbook
from matplotlib.image import imread
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from modalities.assets import locate
from modalities.native import hushed

PORTRAITS = ("collins", "hopper")
CANVAS = 512
"""Side of the square that a portrait is brought to, in pixels."""
EYE_SPAN = 120.0
"""Distance of the outer eye corners on the canvas: the unit of every displacement."""
EYES = (256.0, 220.0)
"""Where the middle between the eyes stands on the canvas."""
MESH = 468
"""MediaPipe's face mesh without the irises."""
RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners: the person's right eye is on the left of the picture."""
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_OUTLINES = {
    "collins": (
        (262, 44), (220, 55), (185, 85), (170, 98), (135, 115), (115, 145), (108, 180), (118, 215), (140, 245),
        (150, 262), (160, 268), (170, 282), (176, 310), (180, 318), (150, 318), (110, 335), (75, 365), (58, 395),
        (45, 405), (40, 428), (0, 467), (0, 511), (511, 511), (511, 507), (440, 475), (428, 455), (415, 420),
        (395, 390), (362, 368), (340, 360), (334, 340), (341, 318), (351, 285), (362, 272), (358, 262), (375, 260),
        (395, 240), (405, 205), (406, 165), (392, 125), (375, 95), (350, 70), (310, 52),
    ),
    "hopper": (
        (215, 55), (250, 45), (300, 55), (335, 80), (352, 105), (358, 117), (371, 120), (372, 150), (370, 190),
        (372, 225), (372, 250), (366, 278), (356, 292), (352, 315), (345, 332), (328, 345), (318, 352), (318, 370),
        (345, 372), (400, 392), (450, 420), (480, 440), (490, 470), (498, 511), (0, 511), (0, 410), (30, 400),
        (100, 375), (160, 357), (180, 346), (182, 330), (160, 320), (148, 305), (144, 285), (138, 255), (145, 215),
        (148, 190), (143, 180), (137, 150), (140, 130), (147, 120), (165, 122), (168, 100), (185, 75),
    ),
}  # fmt: skip
"""Silhouettes on the canvas, traced by hand."""
_BAND = 5
"""Half width of the band in which the cut may leave the traced line, in pixels at half size."""
MOUTH = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""The inner edge of the lips."""
_LIP_LINE = (112, 58, 54)
"""What is between the lips of a still is painted over with this; the inside of an open mouth is painted per picture."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A still face with level eyes on the canvas."""

    name: str
    image: NDArray[np.uint8]  # [CANVAS, CANVAS, 3] RGB
    points: NDArray[np.float32]  # [468, 3] x, y and depth in pixels of the canvas; depth grows away from the camera
    person: NDArray[np.float32]  # [CANVAS, CANVAS] 1 where the person is, 0 where the background is


@lru_cache(maxsize=len(PORTRAITS))
def portrait(name: str) -> Portrait:
    """Load one of `PORTRAITS`, find its landmarks and bring it to the canvas."""
    still = _still(name)
    placed = _place(_landmarks(still))
    image = cv2.warpAffine(still, placed, (CANVAS, CANVAS), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    points = _landmarks(image)
    cv2.fillPoly(image, [np.round(points[list(MOUTH), :2] * 16).astype(np.int32)], _LIP_LINE, cv2.LINE_AA, 4)
    return Portrait(name, image, points, _person(image, name))


def _still(name: str) -> NDArray[np.uint8]:
    """Read a portrait [H, W, 3]."""
    if name not in PORTRAITS:
        raise KeyError(f"no portrait {name!r}; there are {', '.join(PORTRAITS)}")
    if name == "collins":
        return np.ascontiguousarray(skimage.data.astronaut()[..., :3])
    return np.ascontiguousarray(imread(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))[..., :3])


def _landmarks(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find the face mesh [468, 3] in pixels."""
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(locate("face_landmarker"))))
    with hushed(), vision.FaceLandmarker.create_from_options(options) as landmarker:
        found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image)).face_landmarks
    height, width = image.shape[:2]
    scale = np.array([width, height, width])
    return np.asarray([(point.x, point.y, point.z) for point in found[0][:MESH]] * scale, np.float32)


def _place(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the affine map [2, 3] that levels the eyes and puts them where the canvas wants them."""
    right, left = points[RIGHT_EYE, :2], points[LEFT_EYE, :2]
    across = (left - right).astype(np.float64)
    turn = np.degrees(np.arctan2(across[1], across[0]))
    middle = (float(right[0] + left[0]) / 2, float(right[1] + left[1]) / 2)
    placed = cv2.getRotationMatrix2D(middle, turn, EYE_SPAN / float(np.hypot(*across)))
    placed[:, 2] += np.subtract(EYES, middle)
    return np.asarray(placed, np.float64)


def _person(image: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    """Cut the person out along the traced outline: GrabCut decides in a narrow band around it."""
    traced = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(traced, [np.array(_OUTLINES[name], np.int32)], 1)
    traced = traced[::2, ::2]
    band = np.ones((2 * _BAND + 1, 2 * _BAND + 1), np.uint8)
    wide = cv2.dilate(traced, band, borderType=cv2.BORDER_REPLICATE)
    narrow = cv2.erode(traced, band, borderType=cv2.BORDER_REPLICATE)
    marks = np.where(wide == 0, cv2.GC_BGD, np.where(narrow == 1, cv2.GC_FGD, np.where(traced, cv2.GC_PR_FGD,
                     cv2.GC_PR_BGD))).astype(np.uint8)  # fmt: skip
    small = cv2.resize(image, traced.shape, interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.medianBlur(inside, 5), (0, 0), 1.0)
    return np.asarray(cv2.resize(soft, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR), np.float32)
