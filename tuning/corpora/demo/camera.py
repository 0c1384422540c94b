"""Filming a look: pictures of a performance, with head motion, light, noise and things in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tuning.corpora.demo.expressions import FPS, UNITS, Performance, Signal
from tuning.corpora.demo.glasses import ANCHORS
from tuning.corpora.demo.looks import Look
from tuning.corpora.demo.obstacles import Obstacle
from tuning.corpora.demo.portraits import EYE_SPAN, EYES
from tuning.corpora.demo.warp import LIDS, LOWER_LIP, UPPER_LIP, Image, Points, close, draw

SIZE = 384
"""Side of the square picture, in pixels."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the head moves."""

    roll: Signal  # [F] degrees
    yaw: Signal  # [F] and pitch, as shares of the depth by which near points shift
    pitch: Signal
    shift: Signal  # [F, 2] pixels
    zoom: Signal  # [F]
    light: Signal  # [F]


def draw_motion(frames: int, shake: float, rng: np.random.Generator) -> Motion:
    """Draw smooth random head motion, and the shaking of the camera."""
    times = np.arange(frames) / FPS

    def wander(size: float) -> NDArray[np.float64]:
        speed, phase = rng.uniform(0.08, 0.45, 3), rng.uniform(0, 2 * np.pi, 3)
        waves = np.sin(2 * np.pi * speed * times[:, None] + phase)
        return np.asarray(size * waves.mean(axis=1))

    roll, yaw, pitch, zoom, light = (
        wander(size) + rng.normal(0, lasting)
        for size, lasting in ((4.0, 2.0), (0.14, 0.08), (0.10, 0.05), (0.03, 0.01), (0.10, 0.05))
    )
    shift = np.stack([wander(9.0), wander(6.0)], 1) + shake * rng.normal(0, 0.6, (frames, 2))
    signals = (roll, yaw, pitch, shift, 1 + zoom, 1 + light)
    return Motion(*(signal.astype(np.float32) for signal in signals))


def film(look: Look, acted: Performance, obstacle: Obstacle | None, rng: np.random.Generator) -> Iterator[Image]:
    """Give the pictures [SIZE, SIZE, 3] of a performance, one after another."""
    frames = len(acted.envelope)
    motion = draw_motion(frames, look.camera.shake, rng)
    moves = np.stack([look.mesh.moves[unit] for unit in UNITS])
    grain = rng.normal(0, look.camera.noise, (SIZE + 64, SIZE + 64, 1)).astype(np.int16).repeat(3, axis=2)
    corners = rng.integers(0, 64, (frames, 2))
    for frame in range(frames):
        posed = look.base + np.tensordot(acted.intensities[frame], moves, 1)
        placed = _place(look, close(_blink(posed, acted.blinks[frame])), motion, frame)
        picture = _mouth(draw(look.image, look.mesh, placed, SIZE), placed, look.mouth)
        if look.glasses:
            rigid = _place(look, look.base, motion, frame)
            picture = look.glasses.over(picture, rigid[list(ANCHORS)])
        if obstacle:
            picture = obstacle.over(picture, frame)
        y, x = corners[frame]
        yield _expose(picture, look, float(motion.light[frame]), grain[y : y + SIZE, x : x + SIZE])


def _blink(points: Points, closed: float) -> Points:
    """Lower the upper lids."""
    if closed <= 0:
        return points
    lowered = points.copy()
    for upper, lower in LIDS:
        lowered[upper] += closed * 0.92 * (points[lower] - points[upper])
    return lowered


def _place(look: Look, points: Points, motion: Motion, frame: int) -> Points:
    """Turn the head a little and bring it from the canvas into the picture."""
    depth = look.mesh.depth[:, None]
    turned = points + depth * np.array([motion.yaw[frame], motion.pitch[frame]], np.float32)
    angle = np.radians(motion.roll[frame])
    scale = look.camera.share * SIZE / EYE_SPAN * motion.zoom[frame]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array(look.camera.centre) * SIZE + motion.shift[frame]
    placed = (turned - EYES) @ turn.T + centre
    if look.camera.mirrored:
        placed[:, 0] = SIZE - 1 - placed[:, 0]
    return np.asarray(placed, np.float32)


def _mouth(picture: Image, placed: Points, colours: NDArray[np.float32]) -> Image:
    """Paint the inside of an open mouth: dark, with upper teeth and a tongue (`colours` [3, 3] in this order)."""
    upper, lower = placed[list(UPPER_LIP)], placed[list(LOWER_LIP)]
    span = float(np.hypot(*(placed[ANCHORS[1]] - placed[ANCHORS[0]])))
    gap = float((lower[3:-3, 1] - upper[3:-3, 1]).max())
    strength = np.clip((gap / span - 0.025) / 0.03, 0, 1)
    if strength <= 0:
        return picture
    low = np.floor(np.minimum(upper.min(0), lower.min(0)) - 4).astype(int).clip(0, SIZE - 1)
    high = np.ceil(np.maximum(upper.max(0), lower.max(0)) + 4).astype(int).clip(1, SIZE)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    inside = _shade(np.concatenate([upper, lower[::-1]]) - low, size)
    colour = _inside(upper - low, lower - low, (gap, span), size, colours)
    painted = picture.copy()
    region = painted[low[1] : high[1], low[0] : high[0]]
    light = float(np.clip(region.mean() / 115, 0.8, 1.15))
    region[:] = (region + inside * strength * (colour * light - region)).clip(0, 255).astype(np.uint8)
    return painted


def _inside(
    upper: Points, lower: Points, opened: tuple[float, float], size: tuple[int, int], colours: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colours of the inside of a mouth; `opened`: its gap and the eye span, in pixels."""
    gap, span = opened
    dark, teeth, tongue = colours
    edge = _lowered(upper, min(0.34 * gap, 0.06 * span))
    bite = _shade(np.concatenate([_lowered(upper, -2), edge[::-1]]), size)
    corners = 1 - np.abs(np.linspace(-1, 1, size[0], dtype=np.float32))[None, :, None] ** 3
    bulge = np.linspace(-1, 1, len(lower), dtype=np.float32) ** 2
    back = _lowered(lower, 0.25 * gap * bulge - 0.3 * gap)
    front = _shade(np.concatenate([back, _lowered(lower, 2)[::-1]]), size)
    colour = dark + front * 0.8 * (tongue - dark)
    return np.asarray(colour + bite * corners * min(1.0, gap / span / 0.06) * 0.95 * (teeth - colour), np.float32)


def _lowered(points: Points, by: float | NDArray[np.float32]) -> Points:
    """Points [N, 2] moved downwards."""
    return np.stack([points[:, 0], points[:, 1] + by], axis=1).astype(np.float32)


def _shade(outline: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """A filled outline with soft edges [height, width, 1]; `size`: width and height."""
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.9)[..., None] / 255, np.float32)


def _expose(picture: Image, look: Look, light: float, grain: NDArray[np.int16]) -> Image:
    """What the camera makes of a picture."""
    exposed = cv2.convertScaleAbs(picture, alpha=light)
    if look.camera.blur > 0.3:
        exposed = cv2.GaussianBlur(exposed, (5, 5), look.camera.blur)
    return np.asarray(cv2.add(exposed, grain, dtype=cv2.CV_8U), np.uint8)
