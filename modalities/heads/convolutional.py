"""Convolutional head: a small residual network over raw crops, trained from nothing; the backbone is inside the head.

Its steps are pictures of bytes, so that they can be augmented, and every picture is judged alone. Norms are over groups
of channels of one picture: nobody's answer depends on who else is in a batch. The last feature map is brought to a few
places and not to one, because in an upright face the place tells as much as the shape.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from modalities.config import Choice
from modalities.heads.augmentation import Augmentation, augment
from modalities.heads.head import Answer, Head
from modalities.heads.pooling import mean_step

AT_ONCE = 256
"""Pictures that go through the network together."""
GROUP = 8
"""Channels of a group that are normalised together."""


class Residual(nn.Module):
    """Two convolutions beside a short cut (He et al., 2016), with norms before them (their second paper)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first_norm, self.first = _norm(before), nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.second_norm, self.second = _norm(after), nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.short = nn.Conv2d(before, after, 1, bias=False) if before != after else nn.Identity()

    def forward(self, maps_NCHW: Tensor) -> Tensor:
        """Maps of the same size, with other channels."""
        inner_NCHW = self.first(functional.silu(self.first_norm(maps_NCHW)))
        inner_NCHW = self.second(functional.silu(self.second_norm(inner_NCHW)))
        summed: Tensor = self.short(maps_NCHW) + inner_NCHW
        return summed


class ConvolutionalHead(Head):
    """Stem, stages that halve the picture and widen it, a few places, one layer; the mean over steps; the tasks."""

    name: ClassVar[str] = "convolutional"

    class Config(Head.Config):
        """Sizes (`hidden` is the width of the features, `width` the number of colours), and what augments pictures."""

        channels: tuple[PositiveInt, ...] = (24, 48, 96)
        """Of each stage; multiples of 8."""
        places: Annotated[int, Choice((1, 2, 3))] = 3
        """Rows and columns that the last feature map is averaged to."""
        augmentation: Augmentation = Augmentation()
        mirrored: bool = False
        """Whether an answer is the mean over a picture and its mirror image; that takes twice as long."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if not config.channels or any(count % GROUP for count in config.channels):
            raise ValueError(f"channels must be multiples of {GROUP}, one for each stage, but got {config.channels}")
        stages = [nn.Sequential(nn.MaxPool2d(2), Residual(*widths)) for widths in pairwise(config.channels)]
        self.backbone = nn.Sequential(
            nn.Conv2d(config.width, config.channels[0], 5, stride=2, padding=2, bias=False),
            Residual(config.channels[0], config.channels[0]),
            *stages,
            _norm(config.channels[-1]),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(config.places),
            nn.Flatten(),
        )
        self.trunk = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(config.channels[-1] * config.places**2, config.hidden), nn.SiLU()
        )
        self.rest = nn.Dropout(config.dropout)
        self.tasks = self.last_layers(config.hidden)

    rows_to_know: ClassVar[int] = 256

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn mean and spread of each colour from training pictures [S, T, H, W, C]."""
        colours = steps[mask].float().flatten(0, -2)
        super().standardise_by(colours[None], mask.new_ones(1, len(colours)))

    def augment(self, steps: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Change every picture that exists by draws of its own."""
        changed = torch.zeros_like(steps)
        if mask.any():
            changed[mask] = augment(steps[mask], self.config.augmentation, generator)
        return changed

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  every step alone: no times
        """Look at the pictures [B, T, H, W, C] that exist, then average."""
        vectors_BTD = torch.zeros(*mask.shape, self.config.hidden, device=mask.device)
        if mask.any():
            vectors_BTD[mask] = torch.cat([self._look(some) for some in torch.split(steps[mask], AT_ONCE)])
        features_BD = mean_step(vectors_BTD, mask)
        return Answer(features_BD, {task: layer(self.rest(features_BD)) for task, layer in self.tasks.items()})

    def _look(self, images_NHWC: Tensor) -> Tensor:
        vectors_ND = self._see(images_NHWC)
        if self.training or not self.config.mirrored:
            return vectors_ND
        return (vectors_ND + self._see(images_NHWC.flip(2))) / 2

    def _see(self, images_NHWC: Tensor) -> Tensor:
        standard_NHWC = (images_NHWC.float() - self.centre) / self.scale
        vectors_ND: Tensor = self.trunk(self.backbone(standard_NHWC.movedim(-1, 1)))
        return vectors_ND.float()


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)
