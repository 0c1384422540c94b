"""How a subject looks: one of two portraits, made into many people by smooth changes of identity, colour and camera.

A look belongs to one split. It is drawn from the subject's name and the plan's seed, so nothing of it is stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tuning.corpora.demo.glasses import Layer, draw_glasses, own_glasses
from tuning.corpora.demo.muscles import TRAITS
from tuning.corpora.demo.portraits import CANVAS, PORTRAITS, Portrait, portrait
from tuning.corpora.demo.warp import Image, Mesh, Points, mesh

Background = Literal["own", "blurred", "plain", "room"]

REST: Mapping[str, Mapping[str, float]] = {
    "collins": {"AU12": -0.8, "AU25": -1.45, "AU6": -0.45, "AU10": -0.15, "lips": 0.7},
    "hopper": {"AU15": -0.1},
}
"""What takes a portrait's own expression away: she smiles, so the smile is undone."""

MOUTH_COLOURS: Image = np.array([[(52, 20, 20), (252, 226, 192), (140, 66, 64)]], np.uint8)
"""Inside a mouth: dark, teeth, tongue."""
RICHNESS: Mapping[str, float] = {"collins": 0.95, "hopper": 0.8}
"""How much of a portrait's colour is kept: one is faded, the other deeply printed."""


@dataclass(frozen=True, slots=True)
class Camera:
    """How a subject is filmed."""

    share: float  # of the picture's width between the outer eye corners
    centre: tuple[float, float]  # where the middle between the eyes stands, as shares of the picture
    noise: float  # standard deviation, in grey levels
    blur: float  # standard deviation, in pixels
    shake: float  # of the hand that holds it, in pixels
    quality: int  # constant rate factor of H.264: higher is worse
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Look:
    """A subject, ready to be filmed."""

    image: Image  # [CANVAS, CANVAS, 3]
    mesh: Mesh
    base: Points  # [V, 2] the face at rest, on the canvas
    camera: Camera
    glasses: Layer | None
    mouth: NDArray[np.float32]  # [3, 3] colours inside it: dark, teeth, tongue


@lru_cache(maxsize=4)
def look(subject: str, seed: int) -> Look:
    """Draw the look of a subject; the number at the end of its name chooses portrait and mirroring in turn."""
    rng = np.random.default_rng([seed, zlib.crc32(subject.encode())])
    number = int(subject.rpartition("-")[2])
    face = portrait(PORTRAITS[number % 2])
    shape = mesh(face.name)
    base = shape.points.copy()
    for unit, amount in REST[face.name].items():
        base += amount * shape.moves[unit]
    for trait in TRAITS:
        base += np.float32(np.clip(rng.normal(0, 0.45), -0.9, 0.9)) * shape.moves[trait]
    camera = _camera(rng, mirrored=number // 2 % 2 == 1)
    image = _background(face, rng)
    image, glasses = own_glasses(face, image, shape, base) if face.name == "hopper" else (image, None)
    if face.name == "collins" and rng.random() < 0.4:
        glasses = draw_glasses(base, rng)
    tint = _draw_tint(RICHNESS[face.name], rng)
    side = np.linspace(*tint.side, CANVAS, dtype=np.float32)[None, :, None]
    return Look(tint.of(image, side), shape, base, camera, glasses, tint.of(MOUTH_COLOURS, 1.0)[0].astype(np.float32))


def _camera(rng: np.random.Generator, *, mirrored: bool) -> Camera:
    share, x, y = rng.uniform((0.23, 0.46, 0.42), (0.275, 0.54, 0.46))
    noise, blur, shake = rng.uniform((1.0, 0.0, 0.0), (6.0, 0.9, 1.0))
    return Camera(share, (x, y), noise, blur, shake, int(rng.integers(20, 31)), mirrored)


def _background(face: Portrait, rng: np.random.Generator) -> Image:
    """Keep, blur or replace what is behind the person."""
    kind: Background = rng.choice(["own", "blurred", "plain", "room"], p=[0.2, 0.2, 0.3, 0.3])
    if kind == "own":
        return face.image.copy()
    behind = _blurred(face) if kind == "blurred" else _wall(rng)
    if kind == "room":
        behind = _furnish(behind, rng)
    person = np.clip(face.person * 1.4 - 0.4, 0, 1)[..., None]
    return np.asarray(face.image * person + behind * (1 - person), np.uint8)


def _blurred(face: Portrait) -> NDArray[np.float32]:
    """The portrait's own background out of focus, without the person bleeding into it."""
    away = (1 - face.person)[..., None]
    total = cv2.GaussianBlur(face.image * away, (0, 0), 18)
    weight = cv2.GaussianBlur(away, (0, 0), 18)[..., None]
    return np.asarray(total / np.maximum(weight, 1e-3), np.float32)


def _wall(rng: np.random.Generator) -> NDArray[np.float32]:
    """A wall of one muted colour, lit from one side."""
    colour = rng.uniform(70, 190) + rng.uniform(-35, 35, 3)
    left, right = rng.uniform(0.8, 1.2, 2)
    side = np.linspace(left, right, CANVAS)[None, :, None]
    height = np.linspace(1.08, 0.92, CANVAS)[:, None, None]
    return np.asarray(np.clip(colour * side * height, 0, 255), np.float32)


def _furnish(wall: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Put shelves, frames or a window on the wall, far out of focus."""
    room = wall.copy()
    for _ in range(int(rng.integers(3, 7))):
        x, y = rng.integers(-60, CANVAS, 2)
        wide, high = rng.integers(40, 180, 2)
        shade = rng.uniform(0.45, 1.35) * wall[CANVAS // 2, CANVAS // 2] + rng.uniform(-25, 25, 3)
        cv2.rectangle(room, (int(x), int(y)), (int(x + wide), int(y + high)), np.clip(shade, 0, 255).tolist(), -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), rng.uniform(9, 18)), np.float32)


@dataclass(frozen=True, slots=True)
class _Tint:
    """Colour temperature, contrast and saturation, and the side the light comes from."""

    rich: float
    warm: float
    gamma: float
    side: tuple[float, float]

    def of(self, image: Image, light: float | NDArray[np.float32]) -> Image:
        colour = image.astype(np.float32) / 255
        grey = colour.mean(axis=2, keepdims=True)
        colour = np.clip(grey + self.rich * (colour - grey), 0, 1) ** self.gamma
        colour = colour * np.array([1 + self.warm, 1.0, 1 - self.warm], np.float32)
        return np.asarray(np.clip(colour * light * 255, 0, 255), np.uint8)


def _draw_tint(rich: float, rng: np.random.Generator) -> _Tint:
    low, high = (0.8, -0.07, 0.85, 0.78, 0.78), (1.15, 0.07, 1.15, 1.12, 1.12)
    colour, warm, gamma, left, right = rng.uniform(low, high)
    return _Tint(rich * colour, warm, gamma, (left, right))
