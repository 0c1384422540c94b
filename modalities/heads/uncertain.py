"""Uncertainty-aware head: of every class a mean and how sure it is of that mean (RAS §3.4, ID 9).

Two branches look at the steps, one at three thirds of them in order and one at all; per class a mean and a
log-variance come out. Probabilities are the softmax of the means alone; the uncertainty goes beside them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from modalities.config import Choice, Uniform
from modalities.heads.head import Answer, Head
from modalities.heads.lstm import existing_first
from modalities.heads.pooling import mean_step
from modalities.heads.transformer import AttendingConfig, SelfAttention

THIRDS = 3
TEMPERATURE = 1.5
"""Probabilities are the softmax of the means divided by this."""
LOG_VARIANCE = 3.0
"""Log-variances are cut to ± this, so that standard deviations lie between 0.22 and 4.5."""


def layers(inward: int, *outward: int, dropout: float) -> nn.Sequential:
    """Linear, ReLU, LayerNorm and dropout for each width."""
    widths = zip((inward, *outward), outward, strict=False)
    blocks = [(nn.Linear(one, other), nn.ReLU(), nn.LayerNorm(other), nn.Dropout(dropout)) for one, other in widths]
    return nn.Sequential(*(module for block in blocks for module in block))


class Thirds(nn.Module):
    """Temporal relations: each third of the steps has an attention of its own; their means stand side by side."""

    def __init__(self, width: int, heads: int, variant: Literal["textbook", "ras"]) -> None:
        super().__init__()
        self.attention = nn.ModuleList(SelfAttention(width, heads) for _ in range(THIRDS))
        self._drops_the_rest = variant == "ras"

    def forward(self, steps_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Turn steps whose existing ones come first into [B, 3 D]; a third without steps (fewer than 3) is zero."""
        parts = [
            mean_step(attend(steps_BTD, third_BT), third_BT)
            for attend, third_BT in zip(self.attention, self.cut(mask_BT), strict=True)
        ]
        return torch.cat(parts, -1)

    def cut(self, mask_BT: Tensor) -> list[Tensor]:
        """Return each third's mask: as equal as can be, the longer first; `ras` drops the last T mod 3 steps."""
        count_B1, place_T = mask_BT.sum(1, keepdim=True), torch.arange(mask_BT.shape[1], device=mask_BT.device)
        each_B1, rest_B1 = count_B1 // THIRDS, count_B1 % THIRDS
        if self._drops_the_rest:
            rest_B1 = torch.zeros_like(rest_B1)
        bounds = [number * each_B1 + rest_B1.clamp_max(number) for number in range(THIRDS + 1)]
        return [(place_T >= bounds[n]) & (place_T < bounds[n + 1]) for n in range(THIRDS)]


class MeansAndLogVariances(nn.Linear):
    """One linear layer that gives both side by side [B, 2 C]; `separate` cuts them apart."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width, 2 * classes)

    def reset_parameters(self) -> None:
        """Draw new weights as released: means around 0, log-variances around −1 that hardly differ at first."""
        means, log_variances = self.weight.chunk(2)
        nn.init.xavier_uniform_(means, gain=0.5)
        nn.init.xavier_uniform_(log_variances, gain=0.1)
        for part, value in zip(self.bias.chunk(2), (0.0, -1.0), strict=True):
            nn.init.constant_(part, value)


def separate(both_BC: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and log-variances, these cut."""
    means_BC, log_variances_BC = both_BC.chunk(2, -1)
    return means_BC, log_variances_BC.clamp(-LOG_VARIANCE, LOG_VARIANCE)


class UncertainHead(Head):
    """Distributions get means and standard deviations [B, C] of their classes; other tasks a linear layer each."""

    name: ClassVar[str] = "uncertain"

    class Config(AttendingConfig):
        """The released head has the width of its steps as `hidden` (768, so no projection) and vector 256."""

        hidden: Annotated[int, Choice((64, 128, 256, 768))] = 128
        heads: Annotated[int, Choice((2, 4, 8))] = 4
        vector: Annotated[int, Choice((64, 128, 256))] = 256
        dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.3
        variant: Literal["textbook", "ras"] = "textbook"

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        width, vector, dropout = config.hidden, config.vector, config.dropout
        self.project = nn.Identity() if config.width == width else nn.Linear(config.width, width)
        self.thirds = Thirds(width, config.heads, config.variant)
        self.relate = layers(THIRDS * width, 2 * vector, vector, dropout=dropout)
        self.overall = layers(width, vector, dropout=dropout)
        self.combine = layers(2 * vector, vector, dropout=dropout)
        doubting = {t: MeansAndLogVariances(vector, len(n)) for t, n in self.speaks.items() if self._doubts(t)}
        plain = {t: nn.Linear(vector, len(n)) for t, n in self.speaks.items() if not self._doubts(t)}
        self.doubting, self.plain = nn.ModuleDict(doubting), nn.ModuleDict(plain)

    def _doubts(self, task: str) -> bool:
        return self.config.kinds[task] == "distribution"

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  only their order matters
        """Judge, and say how unsure each class is."""
        features_BD = self.summarise(self.enter(steps, mask), mask)
        logits: dict[str, Tensor] = {task: layer(features_BD) for task, layer in self.plain.items()}
        uncertainty: dict[str, Tensor] = {}
        for task, layer in self.doubting.items():
            means_BC, log_variances_BC = separate(layer(features_BD))
            logits[task], uncertainty[task] = means_BC / TEMPERATURE, (log_variances_BC / 2).exp()
        return Answer(features_BD, logits, uncertainty)

    def summarise(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Turn steps into one vector [B, D]."""
        steps_BTD, mask_BT = existing_first(self.project(steps_BTE), mask_BT)
        branches = self.relate(self.thirds(steps_BTD, mask_BT)), self.overall(mean_step(steps_BTD, mask_BT))
        features_BD: Tensor = self.combine(torch.cat(branches, -1))
        return features_BD
