"""Transformer head: steps look at each other, then their mean is judged (RAS §3.1).

Two variants of the layer. `textbook`: positions are added once, to the input, and a layer has its own two residuals.
`ras`: the released one, which adds positions again in every layer and a third residual around it. In both, a step that
does not exist is neither attended to nor averaged; the released code averages its padding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from modalities.config import Choice, Integers
from modalities.heads.head import Answer, Head, draw_as_released
from modalities.heads.pooling import mean_step


class AttendingConfig(Head.Config):
    """Settings of a head whose steps look at each other with several attention heads."""

    heads: int

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"{self.heads} heads cannot share a hidden width of {self.hidden}; give a multiple")
        return self


class SelfAttention(nn.Module):
    """Multi-head attention of steps [B, T, D] over those that exist."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self._shape, self._dropout = (3, heads, width // heads), dropout

    def forward(self, steps_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Mix the steps; what stands at a masked step, and in a row without steps, is finite and means nothing."""
        query, key, value = self.inward(steps_BTD).unflatten(-1, self._shape).permute(2, 0, 3, 1, 4)
        keys_B11T = None
        if mask_BT is not None:
            # A row without steps looks everywhere: a softmax over nothing is NaN in some of torch's kernels.
            keys_B11T = (mask_BT | ~mask_BT.any(1, keepdim=True))[:, None, None]
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=keys_B11T, dropout_p=self._dropout if self.training else 0.0
        )
        out: Tensor = self.outward(mixed.transpose(1, 2).flatten(2))
        return out


def sinusoids(steps_BTD: Tensor) -> Tensor:
    """Positions [T, D] for these steps: sines in even columns, cosines in odd ones (Vaswani et al., 2017, §3.5)."""
    return _sinusoids(*steps_BTD.shape[1:], steps_BTD.dtype, steps_BTD.device)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # noqa: FBT003  torch's; what is kept may be asked for in training next
def _sinusoids(length: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    column = torch.arange(width, device=device)
    pace = 10_000 ** (-(column - column % 2).to(dtype) / width)
    angle_TD = torch.arange(length, device=device).to(dtype)[:, None] * pace
    return torch.where(column % 2 == 0, angle_TD.sin(), angle_TD.cos())


class Layer(nn.Module):
    """Attention, add and normalise; two linear layers of the same width, add and normalise."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, dropout)
        self.after_attention, self.after_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, steps_BTD: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Mix the steps, then think about each; without a mask, all exist."""
        mixed_BTD = self.after_attention(steps_BTD + self.drop(self.attention(steps_BTD, mask_BT)))
        thought_BTD: Tensor = self.after_feed(mixed_BTD + self.drop(self.feed(mixed_BTD)))
        return thought_BTD


class TransformerHead(Head):
    """Projection, some layers, the mean over steps, and the classification vector."""

    name: ClassVar[str] = "transformer"

    class Config(AttendingConfig):
        """Ranges of RAS §3.1; the released run has width and hidden 512, one layer, four heads, vector 128."""

        hidden: Annotated[int, Choice((64, 128, 256, 512))] = 128
        layers: Annotated[int, Integers(1, 4)] = 1
        heads: Annotated[int, Choice((2, 4, 8, 16))] = 4
        vector: Annotated[int, Choice((128, 256, 512))] = 128
        positions: bool = True
        variant: Literal["textbook", "ras"] = "textbook"

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        width, vector, dropout = config.hidden, config.vector, config.dropout
        self.project = nn.Sequential(nn.Linear(config.width, width), nn.LayerNorm(width), nn.Dropout(dropout))
        self.layers = nn.ModuleList(Layer(width, config.heads, dropout) for _ in range(config.layers))
        self.trunk = nn.Sequential(nn.Linear(width, vector), nn.LayerNorm(vector), nn.GELU(), nn.Dropout(dropout))
        self.tasks = self.last_layers(vector)
        self.reset()

    def reset(self) -> None:
        """Draw new weights as the released code does: Xavier, and no bias."""
        super().reset()
        draw_as_released(self)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  steps stand on a grid
        """Mix the steps, average those that exist, then judge."""
        features_BD = self.summarise(self.enter(steps, mask), mask)
        return Answer(features_BD, {task: layer(features_BD) for task, layer in self.tasks.items()})

    def summarise(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Turn steps into the classification vector [B, D]."""
        steps_BTD = self.project(steps_BTE)
        places_TD = sinusoids(steps_BTD) if self.config.positions else steps_BTD.new_zeros(())
        if self.config.variant == "textbook":
            steps_BTD = steps_BTD + places_TD
        holes_BT = None if mask_BT.all() else mask_BT
        for layer in self.layers:
            if self.config.variant == "textbook":
                steps_BTD = layer(steps_BTD, holes_BT)
            else:
                steps_BTD = steps_BTD + layer(steps_BTD + places_TD, holes_BT)
        features_BD: Tensor = self.trunk(mean_step(steps_BTD, mask_BT))
        return features_BD
