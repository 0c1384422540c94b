"""Glasses: a layer that stays rigid while the face below moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tuning.corpora.demo.portraits import CANVAS, EYE_SPAN, Portrait
from tuning.corpora.demo.warp import Image, Mesh, Points, draw

ANCHORS = (33, 263, 152)
"""Outer eye corners and the chin of the face at rest say where the glasses are."""
_BAR = ((163, 201), (174, 199), (215, 198), (232, 202), (247, 210), (246, 214), (226, 212), (206, 207), (190, 209),
        (182, 218), (179, 225), (171, 217), (164, 210))  # fmt: skip
"""The dark upper bar of Hopper's glasses on the canvas; the other one is its mirror image."""
_MIDDLE = 257.0


@dataclass(frozen=True, slots=True)
class Layer:
    """Something that lies over the face, on the canvas of the face at rest."""

    image: Image  # [CANVAS, CANVAS, 3]
    cover: NDArray[np.float32]  # [CANVAS, CANVAS], 1 = opaque
    anchors: Points  # [3, 2] where `ANCHORS` stand

    def over(self, picture: Image, anchors: Points) -> Image:
        """Lay it over a picture, where its anchors [3, 2] have moved."""
        placed = cv2.getAffineTransform(self.anchors, anchors.astype(np.float32))
        size = picture.shape[1], picture.shape[0]
        cover = cv2.warpAffine(self.cover, placed, size, flags=cv2.INTER_LINEAR)
        rows = np.flatnonzero(cover.max(axis=1) > 0)
        if not len(rows):
            return picture
        band = slice(rows[0], rows[-1] + 1)
        above = cv2.warpAffine(self.image, placed, size, flags=cv2.INTER_LINEAR)[band]
        mixed = picture.copy()
        share = cover[band, :, None]
        mixed[band] = (picture[band] * (1 - share) + above * share).astype(np.uint8)
        return mixed


def own_glasses(face: Portrait, image: Image, shape: Mesh, base: Points) -> tuple[Image, Layer]:
    """Lift the bars off Hopper's portrait, so that brows can move below, and darken the pale brows above them."""
    bars = np.zeros((CANVAS, CANVAS), np.uint8)
    right = np.array(_BAR, np.float32)
    left = np.stack([2 * _MIDDLE - right[:, 0], right[:, 1]], 1)
    cv2.fillPoly(bars, [np.round(side).astype(np.int32) for side in (right, left)], 255)
    bars = cv2.dilate(bars, np.ones((3, 3), np.uint8))
    bare = cv2.inpaint(image, cv2.dilate(bars, np.ones((7, 7), np.uint8)), 5, cv2.INPAINT_TELEA)
    brows = np.zeros((CANVAS, CANVAS), np.float32)
    for line in ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)):
        cv2.fillPoly(brows, [np.round(face.points[list(line), :2]).astype(np.int32)], 1.0)
    brows = cv2.GaussianBlur(brows, (0, 0), 1.6)[..., None]
    bare = (bare * (1 - 0.36 * brows * np.array([0.85, 1.0, 1.05]))).astype(np.uint8)
    cover = cv2.GaussianBlur(bars, (0, 0), 0.8)
    image_rest = draw(image, shape, base, CANVAS)
    cover_rest = draw(np.dstack([cover] * 3), shape, base, CANVAS)[..., 0]
    opaque = np.asarray(cover_rest / 255, np.float32)
    return bare, Layer(image_rest, opaque, base[list(ANCHORS)])


def draw_glasses(base: Points, rng: np.random.Generator) -> Layer:
    """Draw a frame, thin and of metal or thick and dark, for a face at rest."""
    thick = rng.random() < 0.5
    grey = rng.uniform(20, 50) if thick else rng.uniform(90, 150)
    colour = np.clip(grey + rng.uniform(-12, 12, 3), 0, 255)
    pen = int(rng.integers(10, 15)) if thick else 4
    lens = EYE_SPAN * rng.uniform((0.20, 0.145), (0.23, 0.19))
    fine = np.zeros((2 * CANVAS, 2 * CANVAS), np.uint8)
    turn = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rim = np.sign(circle) * np.abs(circle) ** (0.6 if thick else 0.85) * lens
    inner = []
    for outer_corner, inner_corner, temple, side in ((33, 133, 127, -1), (263, 362, 356, 1)):
        centre = base[[outer_corner, inner_corner]].mean(axis=0) + np.array([0, 4])
        hinge = centre + lens * np.array([side, -0.3])
        inner.append(centre - lens * np.array([side, 0.1]))
        _line(fine, rim + centre, pen)
        _line(fine, np.stack([hinge, base[temple]]), pen)
    _line(fine, np.stack(inner), pen)
    share = cv2.resize(fine, (CANVAS, CANVAS), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image = np.broadcast_to(colour.astype(np.uint8), (CANVAS, CANVAS, 3)).copy()
    return Layer(image, (share * 0.92).astype(np.float32), base[list(ANCHORS)])


def _line(fine: NDArray[np.uint8], points: NDArray[np.float64], pen: int) -> None:
    """Draw a line through points of the canvas on a mask of twice its size."""
    cv2.polylines(fine, [np.round(points * 2).astype(np.int32)], isClosed=False, color=255, thickness=pen,
                  lineType=cv2.LINE_AA)  # fmt: skip
