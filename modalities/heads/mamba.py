"""Mamba head: project each step, mix them along time by gated selective scans, average, then judge the segment.

The stack of RAS (VideoMamba of its released code, 2.3 in the papers' notes): linear projection, LayerNorm, dropout; a
few blocks, each added to what it is given; the mean over steps; linear layer, LayerNorm, GELU, dropout, last layer.
`variant` is `zoh`, Mamba's zero-order hold with a skip, or `ras`, the block exactly as released. The released code let
padding into the mean; here a masked step never counts.

Axis letters beyond `modalities/types`: B batch, H hidden, D channels of a block, N numbers of state per channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.config import Choice, Integers
from modalities.heads.head import Answer, Head, draw_as_released
from modalities.heads.pooling import mean_step
from modalities.heads.scan import System, Variant, selective_scan


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a block: of what goes in and out, of its channels, of the bottleneck of Δ, of state and convolution."""

    hidden: int
    channels: int
    rank: int
    state: int
    kernel: int


class MambaBlock(nn.Module):
    """Causal convolution and selective scan along time, gated by the step itself (Mamba, 2312.00752, figure 3).

    `A` is what each number of state forgets, 1 … N at first; `D` is both the skip gain and the bias of Δ, as released.
    """

    def __init__(self, shape: Shape, variant: Variant = "zoh", dropout: float = 0.0) -> None:
        super().__init__()
        self.variant = variant
        self.A = nn.Parameter(torch.empty(shape.channels, shape.state))
        self.D = nn.Parameter(torch.empty(shape.channels))
        self.enter = nn.Linear(shape.hidden, 2 * shape.channels, bias=False)
        self.convolve = nn.Conv1d(shape.channels, shape.channels, shape.kernel, groups=shape.channels)
        self.to_delta = nn.Sequential(
            nn.Linear(shape.channels, shape.rank, bias=False), nn.Linear(shape.rank, shape.channels, bias=False)
        )
        self.to_B = nn.Linear(shape.channels, shape.state, bias=False)
        self.to_C = nn.Linear(shape.channels, shape.state, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(shape.channels) if variant == "ras" else nn.Identity()
        self.leave = nn.Linear(shape.channels, shape.hidden, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set what is not drawn: A and D."""
        with torch.no_grad():
            self.A.copy_(torch.arange(1, self.A.shape[1] + 1).expand_as(self.A))
            self.D.fill_(1.0)

    def forward(self, steps_BTH: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return what is to be added to the steps [B, T, H]: zero at a masked step; without a mask, all exist."""
        system, gate_BTD = self.select(steps_BTH, mask_BT)
        told_BTD = self.dropout(selective_scan(system, self.variant, mask_BT))
        out_BTH: Tensor = self.leave(self.norm(torch.addcmul(told_BTD, self.D, system.u_BTD)) * gate_BTD)
        return out_BTH

    def select(self, steps_BTH: Tensor, mask_BT: Tensor | None) -> tuple[System, Tensor]:
        """Return the state space that each step chooses for itself, and the gate [B, T, D]."""
        entered_BTX = self.enter(steps_BTH)
        if mask_BT is not None:
            entered_BTX = torch.where(mask_BT[..., None], entered_BTX, torch.zeros_like(entered_BTX))
        taken_BTD, gate_BTD = entered_BTX.chunk(2, -1)
        u_BTD = functional.silu(self._look_back(taken_BTD))
        narrow, widen = self.to_delta
        # One product instead of three.
        weights = [narrow.get_parameter("weight"), self.to_B.weight, self.to_C.weight]
        chosen_BTX = functional.linear(u_BTD, torch.cat(weights))
        narrow_BTR, B_BTN, C_BTN = torch.split_with_sizes(chosen_BTX, [len(weight) for weight in weights], -1)
        delta_BTD = functional.softplus(self.D + widen(narrow_BTR))
        return System(u_BTD, delta_BTD, -self.A, B_BTN, C_BTN), functional.silu(gate_BTD)

    def _look_back(self, steps_BTD: Tensor) -> Tensor:
        # Shifted products: the kernel is short, and torch's convolution of each channel alone takes longer.
        weight_KD, length = self.convolve.weight.squeeze(1).T.contiguous(), steps_BTD.shape[1]
        padded_BTD = functional.pad(steps_BTD, (0, 0, len(weight_KD) - 1, 0))
        mixed_BTD = torch.addcmul(self.convolve.get_parameter("bias"), padded_BTD[:, :length], weight_KD[0])
        for place in range(1, len(weight_KD)):
            mixed_BTD.addcmul_(padded_BTD[:, place : place + length], weight_KD[place])
        return mixed_BTD


class MambaHead(Head):
    """A stack of Mamba blocks over projected steps, then a mean and two layers."""

    name: ClassVar[str] = "mamba"

    class Config(Head.Config):
        """Ranges are those of RAS's search; released: hidden 512, vector 128, state 4, kernel 6, four layers.

        One layer by default, as of the transformer head. What a `zoh` block adds grows with the fifth power of its
        input, as no norm stands in it, and four of them may overflow in training at rates from 1e-3. The norm inside a
        `ras` block prevents that.
        """

        hidden: Annotated[int, Choice((64, 128, 256, 512))] = 128
        vector: Annotated[int, Choice((128, 256, 512))] = 128
        """Width of the classification vector."""
        layers: Annotated[int, Integers(1, 4)] = 1
        state: Annotated[int, Integers(4, 16)] = 4
        kernel: Annotated[int, Integers(1, 7)] = 6
        variant: Variant = "zoh"

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        hidden, vector = config.hidden, config.vector
        shape = Shape(hidden, hidden, max(1, hidden // 16), config.state, config.kernel)
        self.project = nn.Sequential(nn.Linear(config.width, hidden), nn.LayerNorm(hidden), nn.Dropout(config.dropout))
        self.blocks = nn.ModuleList(MambaBlock(shape, config.variant, config.dropout) for _ in range(config.layers))
        self.trunk = nn.Sequential(
            nn.Linear(hidden, vector), nn.LayerNorm(vector), nn.GELU(), nn.Dropout(config.dropout)
        )
        self.tasks = self.last_layers(vector)
        self.reset()

    def reset(self) -> None:
        """Draw as released: linear layers by Glorot's uniform rule with zero bias, the rest as torch does."""
        super().reset()
        draw_as_released(self)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  steps come in order
        """Mix the steps along time, average, judge."""
        features_BD = self.trunk(self.pool(self.enter(steps, mask), mask))
        return Answer(features_BD, {task: layer(features_BD) for task, layer in self.tasks.items()})

    def pool(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Return the mean [B, H] of the mixed steps that exist; a row without any is zero."""
        steps_BTH: Tensor = self.project(steps_BTE)
        holes_BT = None if mask_BT.all() else mask_BT
        for block in self.blocks:
            steps_BTH = steps_BTH + block(steps_BTH, holes_BT)
        return mean_step(steps_BTH, mask_BT)
