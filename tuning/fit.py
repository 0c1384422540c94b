"""The one training loop, for every head of every modality and for every fusion. It never imports Ray.

    fit(part, objective, data, settings, seed=7)

What is learnt is the objective's business; how long, how fast and from where is the loop's. `report` is told of every
epoch and can ask for a state, from which `resume` goes on as if nothing had happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import torch
from torch import Tensor, nn

from modalities.config import Config, Integers, Uniform

Batch = Mapping[str, Tensor]
"""Columns by name; all share the first axis."""


class FitSettings(Config):
    """How a part is fitted."""

    epochs: Annotated[int, Integers(1, 500)] = 60
    batch: Annotated[int, Integers(8, 1024, log=True)] = 64
    lr: Annotated[float, Uniform(1e-5, 1e-1, log=True)] = 1e-3
    weight_decay: Annotated[float, Uniform(1e-6, 1.0, log=True)] = 1e-2
    smoothing: Annotated[float, Uniform(0.0, 0.3)] = 0.05
    """Label smoothing of distributions."""
    jitter: Annotated[float, Uniform(0.0, 1.0)] = 0.0
    """Noise on standardised steps, in standard deviations, in training only."""
    patience: int = 15
    """Epochs without a better dev metric after which fitting stops."""
    member_dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.2
    """Of a fusion: how often a member is left out in training."""
    pull: Annotated[float, Uniform(1e-3, 10.0, log=True)] = 0.1
    """Of a fusion: how strongly its weights are pulled towards the plain mean."""


class Objective(Protocol):
    """What is learnt."""

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """What to make small, for one batch."""
        ...

    def score(self, part: nn.Module, data: Batch) -> float:
        """The dev metric that decides; larger is better."""
        ...


@dataclass(frozen=True, slots=True)
class Data:
    """What is learnt from, and what decides when to stop (nothing: all epochs). The reported split is not here."""

    train: Batch
    dev: Batch | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every epoch."""

    epoch: int
    epochs: int
    loss: float
    score: float
    best: float
    state: dict[str, Any]
    """Enough to go on from here."""


Report = Callable[[Progress], None]


def fit(  # noqa: PLR0913  the loop's two hooks are by keyword
    part: nn.Module,
    objective: Objective,
    data: Data,
    settings: FitSettings,
    *,
    seed: int,
    report: Report | None = None,
    resume: Mapping[str, Any] | None = None,
) -> float:
    """Fit a part; its weights are then those of the best epoch on dev, or of the last without any dev.

    Returns the metric of that epoch; raises FloatingPointError where the loss is no number any more.
    """
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(part.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    shuffle = torch.Generator().manual_seed(seed)
    first, best, best_epoch, best_weights = 0, float("-inf"), -1, _copy(part)
    if resume:
        part.load_state_dict(resume["weights"])
        optimiser.load_state_dict(deepcopy(resume["optimiser"]))
        schedule.load_state_dict(resume["schedule"])
        shuffle.set_state(resume["shuffle"])
        torch.set_rng_state(resume["noise"])
        first, best, best_epoch, best_weights = resume["best"]
    for epoch in range(first, settings.epochs):
        if epoch - best_epoch > settings.patience and best_epoch >= 0:
            break
        loss = _epoch(part, objective, data.train, settings, optimiser, shuffle)
        schedule.step()
        part.eval()
        with torch.no_grad():
            score = objective.score(part, data.train if data.dev is None else data.dev)
        if score > best or data.dev is None:
            best, best_epoch, best_weights = score, epoch, _copy(part)
        if report:
            state = {
                "weights": _copy(part),
                "optimiser": deepcopy(optimiser.state_dict()),  # its moments go on changing in place
                "schedule": schedule.state_dict(),
                "shuffle": shuffle.get_state(),
                "noise": torch.get_rng_state(),
                "best": (epoch + 1, best, best_epoch, best_weights),
            }
            report(Progress(epoch, settings.epochs, loss, score, best, state))
    part.load_state_dict(best_weights)
    part.eval()
    return best


def _epoch(
    part: nn.Module,
    objective: Objective,
    train: Batch,
    settings: FitSettings,
    optimiser: torch.optim.Optimizer,
    shuffle: torch.Generator,
) -> float:
    part.train()
    rows = len(next(iter(train.values())))
    total = 0.0
    for index in torch.split(torch.randperm(rows, generator=shuffle), settings.batch):
        loss = objective.loss(part, {name: column[index] for name, column in train.items()})
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
        nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimiser.step()
        total += loss.item() * len(index)
    if not math.isfinite(total):
        raise FloatingPointError(f"the loss became {total} at a learning rate of {settings.lr}; lower it, or the depth")
    return total / rows


def _copy(part: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in part.state_dict().items()}
