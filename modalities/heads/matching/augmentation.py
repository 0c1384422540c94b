"""Augmentation: what may happen to a picture in training, so that a small corpus looks larger."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from modalities.config import Config, Uniform


class Augmentation(Config):
    """How much; every picture of a segment is changed alike, for they show one moment."""

    mirror: Annotated[float, Uniform(0.0, 0.5)] = 0.5
    """How often left and right change places."""
    shift: Annotated[float, Uniform(0.0, 0.2)] = 0.03
    """At most, as a share of the picture."""
    zoom: Annotated[float, Uniform(0.0, 0.3)] = 0.05
    """At most, in and out."""
    light: Annotated[float, Uniform(0.0, 0.5)] = 0.3
    """At most, added to all pixels, as a share of white."""
    contrast: Annotated[float, Uniform(0.0, 0.5)] = 0.4
    """At most, more and less."""

    def change(self, steps: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Change pixels [B, T, H, W, 3] where a step exists; float32 from 0 to 255, zero where none does."""
        draws_B = (torch.rand(6, len(steps), generator=generator) * 2 - 1).to(steps.device)
        segment_N = mask.nonzero()[:, 0]
        mirrored, right, down, zoom, light, contrast = draws_B[:, segment_N]
        changed = torch.zeros_like(steps, dtype=torch.float32)
        if not len(segment_N):
            return changed
        scale = 1 - self.zoom * zoom
        side = torch.where(mirrored < 2 * self.mirror - 1, -scale, scale)
        nothing = torch.zeros_like(scale)
        across = torch.stack([side, nothing, 2 * self.shift * right], dim=1)
        along = torch.stack([nothing, scale, 2 * self.shift * down], dim=1)
        images_N3HW = steps[mask].float().movedim(-1, 1)
        places = functional.affine_grid(
            torch.stack([across, along], dim=1), list(images_N3HW.shape), align_corners=False
        )
        moved = functional.grid_sample(images_N3HW, places, padding_mode="border", align_corners=False)
        grey = moved.mean((1, 2, 3), keepdim=True)
        lit = grey + (moved - grey) * _each(1 + self.contrast * contrast) + 255 * self.light * _each(light)
        changed[mask] = lit.clamp(0, 255).movedim(1, -1)
        return changed


def _each(values_N: Tensor) -> Tensor:
    return values_N[:, None, None, None]
