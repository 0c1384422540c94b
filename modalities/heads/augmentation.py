"""Augmentation of pictures: what may happen to one in training, so that a small corpus looks larger.

    augment(images, Augmentation(turn=15), generator)      images [N, H, W, C] → alike, each changed by draws of its own

Moves (a part is cut out, mirrored, turned) are matrices [N, 3, 3], so that pixels are blended only once; colours change
after that. Bytes stay bytes; what lies outside a picture repeats its border. All draws are made on the processor, so
that a seed draws alike on every device.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from modalities.config import Config, Uniform

WHITE = 255
GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in how bright a colour looks (ITU-R BT.601)."""


class Augmentation(Config):
    """How much may happen to a picture; the defaults are mild, and zeros (and ones for `area`, `aspect`) do nothing."""

    area: Annotated[float, Uniform(0.3, 1.0)] = 0.8
    """The smallest share of the picture that is cut out and enlarged."""
    aspect: Annotated[float, Uniform(1.0, 1.5)] = 1.1
    """The largest ratio by which such a part is wider than high, or higher than wide."""
    mirror: Annotated[float, Uniform(0.0, 0.5)] = 0.5
    """How often left and right change places."""
    turn: Annotated[float, Uniform(0.0, 30.0)] = 10.0
    """The largest angle in degrees."""
    light: Annotated[float, Uniform(0.0, 0.5)] = 0.2
    """By which share all pixels become brighter or darker, at most."""
    contrast: Annotated[float, Uniform(0.0, 0.5)] = 0.2
    """By which share differences from the picture's mean grow or shrink, at most."""
    colour: Annotated[float, Uniform(0.0, 0.5)] = 0.2
    """By which share colours become stronger or paler, at most; grey pictures have none."""
    hole: Annotated[float, Uniform(0.0, 0.5)] = 0.0
    """The largest side of a square that is made grey, as a share of the picture (Cutout; DeVries and Taylor, 2017)."""


def augment(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Change pictures [N, H, W, C] of bytes, or of floats on the same scale, each by draws of its own."""
    if not (count := len(images)):
        return images
    moves = cuts(count, settings.area, settings.aspect, generator)
    moves = moves @ mirrors(count, settings.mirror, generator) @ turns(count, settings.turn, generator)
    changed = move(images.float(), moves.to(images.device))
    changed = recolour(changed, settings, generator)
    changed = punch(changed, settings.hole, generator)
    return changed if images.is_floating_point() else changed.round().to(images.dtype)


def cuts(count: int, area: float, aspect: float, generator: torch.Generator) -> Tensor:
    """Draw moves that enlarge a part of a picture, of a share of at least `area` (RandomResizedCrop of torchvision)."""
    share_N = area + (1 - area) * torch.rand(count, generator=generator)
    ratio_N = torch.exp(torch.tensor(aspect).log() * _spread(count, generator))
    wide_N, high_N = ((share_N * ratio_N).sqrt().clamp_max(1), (share_N / ratio_N).sqrt().clamp_max(1))
    right_N, down_N = (1 - wide_N) * _spread(count, generator), (1 - high_N) * _spread(count, generator)
    return _moves((wide_N, 0.0, right_N), (0.0, high_N, down_N), count)


def mirrors(count: int, share: float, generator: torch.Generator) -> Tensor:
    """Draw moves that change left and right for a share of the pictures."""
    side_N = torch.where(torch.rand(count, generator=generator) < share, -1.0, 1.0)
    return _moves((side_N, 0.0, 0.0), (0.0, 1.0, 0.0), count)


def turns(count: int, degrees: float, generator: torch.Generator) -> Tensor:
    """Draw turns about the middle by at most so many degrees."""
    angle_N = torch.deg2rad(degrees * _spread(count, generator))
    cosine_N, sine_N = angle_N.cos(), angle_N.sin()
    return _moves((cosine_N, -sine_N, 0.0), (sine_N, cosine_N, 0.0), count)


def move(images: Tensor, moves: Tensor) -> Tensor:
    """Move float pictures [N, H, W, C]: where each pixel of the result comes from, in [-1, 1] from edge to edge."""
    pictures_NCHW = images.movedim(-1, 1)
    places = functional.affine_grid(moves[:, :2], list(pictures_NCHW.shape), align_corners=False)
    moved = functional.grid_sample(pictures_NCHW, places, padding_mode="border", align_corners=False)
    return moved.movedim(1, -1)


def recolour(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Change light, contrast and colours of float pictures [N, H, W, C]; nothing leaves the scale of bytes."""
    factors = (_each(1 + most * _spread(len(images), generator)) for most in _amounts(settings))
    light, contrast, colour = (each.to(images.device) for each in factors)
    if images.shape[-1] == len(GREY):
        grey = (images * images.new_tensor(GREY)).sum(-1, keepdim=True)
        images = grey + (images - grey) * colour
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((mean + (images - mean) * contrast) * light).clamp(0, WHITE)


def punch(images: Tensor, side: float, generator: torch.Generator) -> Tensor:
    """Make a square somewhere in each float picture [N, H, W, C] as grey as its mean; its side is at most `side`."""
    count, height, width, _ = images.shape
    reach_N = side * torch.rand(count, generator=generator)
    down_N, right_N = (_spread(count, generator) for _ in range(2))
    rows, columns = (torch.linspace(-1, 1, length) for length in (height, width))
    inside_NH = (rows - down_N[:, None]).abs() < reach_N[:, None]
    inside_NW = (columns - right_N[:, None]).abs() < reach_N[:, None]
    inside_NHW1 = (inside_NH[:, :, None] & inside_NW[:, None, :])[..., None].to(images.device)
    return torch.where(inside_NHW1, images.mean((1, 2), keepdim=True), images)


def _amounts(settings: Augmentation) -> tuple[float, float, float]:
    return settings.light, settings.contrast, settings.colour


def _spread(count: int, generator: torch.Generator) -> Tensor:
    """Draw numbers in [-1, 1)."""
    return torch.rand(count, generator=generator) * 2 - 1


def _each(values_N: Tensor) -> Tensor:
    return values_N[:, None, None, None]


def _moves(across: tuple[Tensor | float, ...], along: tuple[Tensor | float, ...], count: int) -> Tensor:
    """Put numbers, or columns [N] of them, into matrices [N, 3, 3]."""
    rows = (across, along, (0.0, 0.0, 1.0))
    columns = [[torch.as_tensor(value).expand(count) for value in row] for row in rows]
    return torch.stack([torch.stack(row, dim=-1) for row in columns], dim=-2)
