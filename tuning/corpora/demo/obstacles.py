"""Things that slide between the camera and the face for a while: a sheet of paper, a book, somebody who walks past."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tuning.corpora.demo.expressions import FPS, Signal, Timing
from tuning.corpora.demo.warp import Image

KINDS = ("paper", "book", "passer-by")
_SLIDE = 0.24
"""How long it takes to come and to go, in seconds."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A thing in front of the face."""

    image: NDArray[np.float32]  # [H, W, 3]
    cover: NDArray[np.float32]  # [H, W, 1], 1 = opaque
    away: Signal  # [F] where it is: 0 before the face, ±1 out of the picture
    sideways: bool

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """In which frames [F] nothing of the face can be seen."""
        return np.asarray(np.abs(self.away) < 0.02)

    def over(self, picture: Image, frame: int) -> Image:
        """Put it before a picture."""
        away = float(self.away[frame])
        if abs(away) >= 1:
            return picture
        size = picture.shape[0]
        x, y = (away * size, 0.0) if self.sideways else (0.0, away * size)
        placed = np.array([[1, 0, x], [0, 1, y]], np.float32)
        cover = cv2.warpAffine(self.cover, placed, (size, size))[..., None]
        thing = cv2.warpAffine(self.image, placed, (size, size))
        return np.asarray(picture * (1 - cover) + thing * cover, np.uint8)


def draw_obstacle(size: int, face: tuple[float, float], timing: Timing, rng: np.random.Generator) -> Obstacle:
    """Draw a thing, and 0.8 to 2 s during which it hides the face (`face`: its middle, as shares of the picture)."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    image, cover = _passer_by(size, rng) if kind == "passer-by" else _sheet(size, face, rng, lined=kind == "paper")
    length = rng.uniform(0.8, min(2.0, timing.duration - 2.0))
    start = rng.uniform(timing.onset, max(timing.onset + 0.1, timing.offset - length))
    times = np.arange(timing.frames) / FPS
    before, after = np.clip((start - times) / _SLIDE, 0, 1), np.clip((times - start - length) / _SLIDE, 0, 1)
    side = float(rng.choice([-1.0, 1.0]))
    leaving = -side if kind == "passer-by" else side
    away = side * before + leaving * after
    sideways = kind == "passer-by" or bool(rng.random() < 0.5)
    if not sideways:
        away = np.abs(away)  # sheets come from below
    return Obstacle(image, cover, away.astype(np.float32), sideways)


def _sheet(
    size: int, face: tuple[float, float], rng: np.random.Generator, *, lined: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A sheet with lines, or a book, held upright before the face."""
    paper = rng.uniform(205, 240) + rng.uniform(-8, 8, 3)
    cloth = rng.uniform(30, 110, 3)
    image = np.empty((size, size, 3), np.float32)
    image[:] = paper if lined else cloth
    middle = np.array(face) * size + (0, 0.1 * size)
    box = cv2.boxPoints((tuple(map(float, middle)), (0.72 * size, 0.92 * size), float(rng.uniform(-6, 6))))
    cover = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(cover, np.round(box).astype(np.int32), 1.0, cv2.LINE_AA)
    top, left, right = (float(v) for v in (box[:, 1].min(), box[:, 0].min(), box[:, 0].max()))
    if lined:
        for row in np.arange(top + 0.14 * size, size, 0.055 * size):
            end = right - rng.uniform(0.12, 0.3) * size
            cv2.line(image, (round(left + 0.12 * size), round(row)), (round(end), round(row)), (120, 120, 125), 2)
    else:
        inner = middle + 0.84 * (box - middle)
        cv2.polylines(image, [np.round(inner).astype(np.int32)], isClosed=True, color=(cloth * 1.5).tolist(),
                      thickness=3, lineType=cv2.LINE_AA)  # fmt: skip
    return image * np.linspace(1.05, 0.9, size)[:, None, None].astype(np.float32), _soft(cover, 0.8)


def _passer_by(size: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The dark, unsharp back of somebody close to the camera."""
    image = np.empty((size, size, 3), np.float32)
    image[:] = rng.uniform(18, 60) + rng.uniform(-10, 10, 3)
    cover = np.zeros((size, size), np.float32)
    half = size // 2
    cv2.ellipse(cover, (half, round(0.42 * size)), (round(0.36 * size), round(0.52 * size)), 0, 0, 360, 1.0, -1)
    cv2.rectangle(cover, (round(0.08 * size), round(0.72 * size)), (round(0.92 * size), size), 1.0, -1)
    return image, _soft(cover, 7.0)


def _soft(cover: NDArray[np.float32], blur: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), blur)[..., None], np.float32)
