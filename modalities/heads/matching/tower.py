"""A small picture side for CLIP: convolutions that keep where something is seen.

Of crops whose eyes are level, the place tells as much as the shape: on a small corpus it learns in seconds what the
towers of open_clip, which must first learn where to look, do not learn at all.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class ConvolutionTower(nn.Module):
    """Four halvings of a picture, then one layer over all places; what open_clip expects of its `visual`."""

    def __init__(self, size: int, width: int, output_dim: int, dropout: float) -> None:
        super().__init__()
        self.image_size, self.output_dim = (size, size), output_dim
        widths = (3, width // 4, width // 2, width, width)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.GELU()]
        self.places = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout))
        with torch.no_grad():
            inputs = self.places.eval()(torch.zeros(1, 3, size, size)).shape[1]
        self.output = nn.Linear(inputs, output_dim, bias=False)

    def forward(self, images_N3HW: Tensor) -> Tensor:
        """Vectors [N, D] of pictures on CLIP's scale."""
        vectors_ND: Tensor = self.output(self.places(images_N3HW))
        return vectors_ND
