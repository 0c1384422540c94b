"""What makes a network learn: optimiser, schedule, moving average and the order of unfreezing, from settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler, swa_utils

from tuning.fit.rows import Rows
from tuning.fit.settings import FitSettings


def optimiser_of(part: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    """Make the optimiser."""
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimiser]
    made: torch.optim.Optimizer = kind(part.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    return made


def _always(_: int) -> float:
    return 1.0


class Schedule:
    """The learning rate, told after every epoch what the dev metric is."""

    def __init__(self, optimiser: torch.optim.Optimizer, settings: FitSettings) -> None:
        floor, cycle = settings.lr_floor, settings.cycle
        self._watches = settings.schedule == "plateau"
        makers: dict[str, Callable[[], Any]] = {
            "constant": lambda: lr_scheduler.LambdaLR(optimiser, _always),
            "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs, floor),
            "restarts": lambda: lr_scheduler.CosineAnnealingWarmRestarts(optimiser, cycle, eta_min=floor),
            "plateau": lambda: lr_scheduler.ReduceLROnPlateau(optimiser, "max", settings.lr_fall, cycle, min_lr=floor),
        }
        self._schedule = makers[settings.schedule]()

    def step(self, score: float) -> None:
        """Go on to the next epoch."""
        if self._watches:
            self._schedule.step(score)
        else:
            self._schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """Where it is."""
        state: dict[str, Any] = self._schedule.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._schedule.load_state_dict(state)


def moving_average(part: nn.Module, settings: FitSettings) -> swa_utils.AveragedModel | None:
    """Keep an exponential moving average of the weights, if that is wished."""
    if settings.ema is None:
        return None
    blend = swa_utils.get_ema_multi_avg_fn(settings.ema)  # type: ignore[no-untyped-call]  # torch ships it untyped
    return swa_utils.AveragedModel(part, multi_avg_fn=blend, use_buffers=True)


def unfreeze(part: nn.Module, settings: FitSettings, epoch: int) -> None:
    """Let those modules learn whose time has come; an unknown name is an error, for nothing would tell of it."""
    if not settings.unfreeze:
        return
    modules = dict(part.named_modules())
    named = {name for names in settings.unfreeze.values() for name in names}
    if unknown := sorted(named - modules.keys()):
        raise ValueError(
            f"unfreeze names {', '.join(unknown)}, but the part has the modules {', '.join(filter(None, modules))}"
        )
    part.requires_grad_(requires_grad=False)
    for when, names in settings.unfreeze.items():
        for name in names if when <= epoch else ():
            modules[name].requires_grad_(requires_grad=True)
    if not any(weight.requires_grad for weight in part.parameters()):
        raise ValueError(
            f"unfreeze opens nothing at epoch {epoch}: {', '.join(settings.unfreeze[0])} holds no weights; name others"
        )


def order(rows: Rows, settings: FitSettings, generator: torch.Generator) -> Tensor:
    """Return the rows of an epoch: each once, or drawn evenly over classes, corpora, or both."""
    if settings.balance == "none":
        return torch.randperm(len(rows), generator=generator)
    marks = {"class": [_classes(rows)], "corpus": [rows.sources], "both": [_classes(rows), rows.sources]}
    groups = torch.stack(marks[settings.balance], dim=1)
    _, group, counts = torch.unique(groups, dim=0, return_inverse=True, return_counts=True)
    return torch.multinomial(1 / counts[group].double(), len(rows), replacement=True, generator=generator)


def _classes(rows: Rows) -> Tensor:
    """Number each row's class [S]: its compound, else its likeliest expression; what has neither is a class too."""
    classes = torch.full((len(rows),), -1)
    for task, sign in (("compound", 1), ("expression", -1)):
        if task in rows.targets:
            labels = rows.targets[task]
            open_still = (classes == -1) & ~labels.isnan().any(-1)
            classes = torch.where(open_still, sign * (labels.nan_to_num().argmax(-1) + 2), classes)
    return classes
