"""Mixing of rows in training: each is blended with another of its batch (MixUp), or a box is cut into it (CutMix).

    mix(batch, tasks, settings)      α of 0 is off

Only steps that both rows have are mixed, and a row whose partner is not labelled keeps its own label: none is made up.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tuning.fit.rows import Batch, Rows
from tuning.fit.settings import FitSettings

PICTURES = 5
"""Axes of steps that are pictures [B, T, H, W, C]."""


def check_mixing(name: str, train: Rows, settings: FitSettings) -> None:
    """Refuse what the steps of a head cannot bear; raises ValueError."""
    if not len(train):
        return
    steps = train.take(torch.zeros(1, dtype=torch.int64))["steps"]
    if (settings.jitter or settings.mixup) and not steps.is_floating_point():
        raise ValueError(f"jitter and mixup are for vectors, but the steps of {name} are raw; set both to 0")
    if settings.cutmix and steps.ndim != PICTURES:
        raise ValueError(
            f"cutmix is for pictures, but each step of {name} is {list(steps.shape[2:])} numbers; set it to 0, or let "
            "the modality encode by `pixels` or `crops` for a head that holds its backbone"
        )


def mix(batch: Batch, tasks: Iterable[str], settings: FitSettings) -> Batch:
    """Mix the rows of a batch as settings say."""
    if settings.cutmix:
        return cut_mixed(batch, tasks, settings.cutmix)
    return mixed(batch, tasks, settings.mixup) if settings.mixup else batch


def mixed(batch: Batch, tasks: Iterable[str], alpha: float) -> Batch:
    """Mix each row with another, steps and targets alike (MixUp; Zhang et al., ICLR 2018)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    share = max(share, 1 - share)  # the row's own steps stay where its partner has none, so it counts for more
    partner = torch.randperm(len(batch["mask"]))
    both = _over(batch["mask"] & batch["mask"][partner], batch["steps"].ndim)
    steps = torch.where(both, share * batch["steps"] + (1 - share) * batch["steps"][partner], batch["steps"])
    return {**batch, **_targets(batch, tasks, partner, share), "steps": steps}


def cut_mixed(batch: Batch, tasks: Iterable[str], alpha: float) -> Batch:
    """Put a box of another row's pictures [B, T, H, W, C] into each row's at the same place (CutMix; Yun et al., 2019).

    All pictures of a row get the same box. A target counts for the share of pixels that are its row's: a box that
    leaves the picture, and a picture whose partner has none, leave it more.
    """
    steps, mask = batch["steps"], batch["mask"]
    partner = torch.randperm(len(mask))
    both = mask & mask[partner]
    inside_BHW = boxes(len(mask), steps.shape[2], steps.shape[3], alpha).to(steps.device)
    pasted_BTHW1 = _over(both, PICTURES) & inside_BHW[:, None, :, :, None]
    lost_B = inside_BHW.float().mean((1, 2)) * both.sum(1) / mask.sum(1).clamp_min(1)
    targets = _targets(batch, tasks, partner, (1 - lost_B)[:, None])
    return {**batch, **targets, "steps": torch.where(pasted_BTHW1, steps[partner], steps)}


def boxes(count: int, height: int, width: int, alpha: float) -> Tensor:
    """Draw boxes in pictures, as masks [count, height, width]: of Beta-distributed area before the border cuts them."""
    side_B = torch.distributions.Beta(alpha, alpha).sample((count,)).sqrt()
    return _span(side_B, height)[:, :, None] & _span(side_B, width)[:, None, :]


def _span(side_B: Tensor, length: int) -> Tensor:
    """Draw spans of these shares of a length, about any place of it: masks [B, length]."""
    middle_B1 = torch.rand(len(side_B), 1) * length
    return (torch.arange(length) + 0.5 - middle_B1).abs() < side_B[:, None] * length / 2


def _targets(batch: Batch, tasks: Iterable[str], partner: Tensor, own: Tensor | float) -> Batch:
    """Blend targets [B, C] by the share that is the row's own; where the partner's is unknown, it stays."""
    blended = {task: own * batch[task] + (1 - own) * batch[task][partner] for task in tasks}
    return {task: torch.where(rows.isnan(), batch[task], rows) for task, rows in blended.items()}


def _over(mask_BT: Tensor, axes: int) -> Tensor:
    """Let a mask of steps stand over all their numbers."""
    return mask_BT.reshape(*mask_BT.shape, *[1] * (axes - mask_BT.ndim))
