"""Pictures without a human face, for counting how often a face is found where there is none.

All of them come out of packages that are installed anyway, or are drawn here, so the figure can be had offline and
twice the same. Photographs: what scikit-image, scikit-learn and matplotlib bring, less the pictures with people in
them (astronaut, camera, lfw, the small gif), and less the ancient coins, which bear portraits. The cat stays: it has a
face, but not one whose expression can be read.

    sum(1 for _ in pictures())
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib
import matplotlib.image
import numpy as np
import skimage.data
import sklearn.datasets
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [height, width, 3] RGB

SEED = 7
DRAWN = 30  # of each kind
PHOTOGRAPHS = (
    "brick", "cell", "chelsea", "checkerboard", "clock", "coffee", "colorwheel", "grass", "gravel", "horse",
    "hubble_deep_field", "immunohistochemistry", "logo", "microaneurysms", "moon", "page", "retina", "rocket",
    "shepp_logan_phantom", "text",
)  # fmt: skip


def pictures() -> Iterator[Picture]:
    """Yield more than 500 pictures [height, width, 3], always the same in the same order."""
    for photograph in photographs():
        yield from views(photograph)
    for draw in (shapes, skin, noise, gradient, letters, stripes):
        rng = np.random.default_rng(SEED)
        for _ in range(DRAWN):
            yield draw(rng)


def photographs() -> Iterator[Picture]:
    """Yield the whole pictures."""
    for name in PHOTOGRAPHS:
        yield rgb(getattr(skimage.data, name)())
    yield rgb(skimage.data.stereo_motorcycle()[0])
    for name in ("china.jpg", "flower.jpg"):
        yield rgb(sklearn.datasets.load_sample_image(name))
    for name in ("Minduka_Present_Blue_Pack.png", "logo2.png"):
        yield rgb(matplotlib.image.imread(Path(matplotlib.get_data_path(), "sample_data", name)))


def rgb(picture: NDArray[np.generic]) -> Picture:
    """Make RGB bytes of a grey, black-and-white, transparent or [0, 1] picture."""
    values: NDArray[np.floating] = np.asarray(picture, np.float32)
    if values.max() <= 1:
        values = values * 255
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    if values.shape[2] == 4:
        values = values[..., :3] * (values[..., 3:] / 255) + (255 - values[..., 3:])
    return np.ascontiguousarray(values.round().clip(0, 255).astype(np.uint8))


def views(photograph: Picture) -> Iterator[Picture]:
    """Yield a photograph whole, its 2 × 2 and 3 × 3 parts enlarged as if the camera had been near, and it far away."""
    yield photograph
    height, width = photograph.shape[:2]
    for parts in (2, 3):
        for row in range(parts):
            for column in range(parts):
                down, across = row * height // parts, column * width // parts
                part = photograph[down : down + height // parts, across : across + width // parts]
                yield cv2.resize(part, (480, 360), interpolation=cv2.INTER_LINEAR)
    far = np.full((360, 480, 3), 128, np.uint8)
    far[140:220, 200:280] = cv2.resize(photograph, (80, 80), interpolation=cv2.INTER_AREA)
    yield far


def shapes(rng: np.random.Generator) -> Picture:
    """Draw circles, rectangles and lines of any colour."""
    picture = _ground(rng)
    for _ in range(25):
        first, second = _point(rng), _point(rng)
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(picture, first, int(rng.integers(5, 90)), _colour(rng), -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, first, second, _colour(rng), int(rng.integers(1, 8)))
        else:
            cv2.line(picture, first, second, _colour(rng), int(rng.integers(1, 12)), cv2.LINE_AA)
    return picture


def skin(rng: np.random.Generator) -> Picture:
    """Draw arms and shoulders: rounded things of the colours of skin, shaded and blurred."""
    picture = _ground(rng)
    for _ in range(6):
        light = float(rng.uniform(0.4, 1.1))
        colour = tuple(int(min(255, light * channel)) for channel in (215, 165, 135))
        axes = (int(rng.integers(20, 80)), int(rng.integers(40, 160)))
        cv2.ellipse(picture, _point(rng), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    shade = gradient(rng).astype(np.float32).mean(axis=2, keepdims=True) / 255
    return np.asarray(cv2.GaussianBlur(picture * (0.5 + shade), (0, 0), 2).clip(0, 255), np.uint8)


def noise(rng: np.random.Generator) -> Picture:
    """Draw noise with grains of 1 to 40 pixels."""
    grain = int(np.geomspace(1, 40, 12)[rng.integers(12)])
    small = rng.integers(0, 256, (360 // grain + 1, 480 // grain + 1, 3), np.uint8)
    return np.asarray(cv2.resize(small, (480, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


def gradient(rng: np.random.Generator) -> Picture:
    """Draw light that falls off over a wall."""
    down, across = np.mgrid[0:360, 0:480].astype(np.float32)
    x, y = _point(rng)
    distance = np.hypot(down - y, across - x)[..., None] / float(rng.uniform(150, 600))
    return np.asarray(np.clip(np.array(_colour(rng)) * np.exp(-distance), 0, 255), np.uint8)


def letters(rng: np.random.Generator) -> Picture:
    """Write letters of any size."""
    picture = _ground(rng)
    for _ in range(12):
        text = "".join(chr(code) for code in rng.integers(48, 91, 8))
        size = float(rng.uniform(0.5, 4))
        cv2.putText(picture, text, _point(rng), int(rng.integers(4)), size, _colour(rng), 2, cv2.LINE_AA)
    return picture


def stripes(rng: np.random.Generator) -> Picture:
    """Draw two crossing waves."""
    down, across = np.mgrid[0:360, 0:480].astype(np.float32)
    waves = [np.sin((across * np.cos(a) + down * np.sin(a)) / float(rng.uniform(3, 60))) for a in rng.uniform(0, 3, 2)]
    return np.asarray((np.array(_colour(rng)) * (0.5 + (waves[0] + waves[1])[..., None] / 4)).clip(0, 255), np.uint8)


def _ground(rng: np.random.Generator) -> Picture:
    return np.full((360, 480, 3), _colour(rng), np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(channel) for channel in rng.integers(0, 256, 3))


def _point(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(0, 480)), int(rng.integers(0, 360))
