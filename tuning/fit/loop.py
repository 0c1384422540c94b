"""The loop: epochs of batches, a dev metric after each, the best weights at the end.

    fit(part, objective, Data(train, dev), settings, seed=7)

What is learnt is the objective's business; how long, how fast and from where is the loop's. `report` is told of every
epoch and can ask for a state, from which `resume` goes on as if nothing had happened: what is drawn at random depends
on the seed and the epoch alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from modalities.device import bring, place_of
from tuning.fit.learning import Schedule, moving_average, optimiser_of, order, unfreeze
from tuning.fit.rows import Batch, Rows
from tuning.fit.settings import FitSettings
from tuning.fit.world import World, unlabelled

_STEPS_OF_SEED = 100_003
"""A prime: epochs of neighbouring seeds draw apart."""


class Objective(Protocol):
    """What is learnt."""

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """What to make small, for one batch."""
        ...

    def score(self, part: nn.Module, data: Rows) -> float:
        """The dev metric that decides; larger is better."""
        ...


@dataclass(frozen=True, slots=True)
class Data:
    """What is learnt from, and what decides when to stop (nothing: all epochs). The reported split is not here."""

    train: Rows
    dev: Rows | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every epoch."""

    epoch: int
    epochs: int
    loss: float
    score: float
    """The dev metric; without dev, minus the loss, and after the last epoch the metric on train."""
    best: float
    state: Callable[[], dict[str, Any]]
    """Makes what is needed to go on from here."""


Report = Callable[[Progress], None]


def fit(  # noqa: PLR0913  what is rarely given is by keyword
    part: nn.Module,
    objective: Objective,
    data: Data,
    settings: FitSettings,
    *,
    seed: int,
    report: Report | None = None,
    resume: Mapping[str, Any] | None = None,
    world: World | None = None,
) -> float:
    """Fit a part where it is; its weights are then those of the best epoch on dev, or of the last without any dev.

    Workers of one process group fit together unless another `world` is given; the objective must gather what they say.
    Returns the metric of that epoch; raises FloatingPointError where the loss is no number any more.
    """
    loop = Loop(part, objective, data, settings, seed, world or World.here())
    if resume:
        loop.go_on_from(resume)
    while not loop.over:
        progress = loop.epoch()
        if report:
            report(progress)
    return loop.finish()


class Loop:
    """Where a fit stands; who goes on epoch by epoch, and not to the end, asks it instead of `fit`."""

    def __init__(
        self, part: nn.Module, objective: Objective, data: Data, settings: FitSettings, seed: int, world: World
    ) -> None:
        self._part, self._objective, self._data, self._settings = part, objective, data, settings
        self._seed, self._world = seed, world
        self._optimiser = optimiser_of(part, settings)
        self._schedule = Schedule(self._optimiser, settings)
        self._average = moving_average(part, settings)
        self._next, self._best, self._best_epoch, self._best_weights = 0, float("-inf"), -1, _copy(part)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do."""
        waited = self._next - self._best_epoch
        return self._next >= self._settings.epochs or (self._best_epoch >= 0 and waited > self._settings.patience)

    @property
    def best(self) -> float:
        """The best dev metric so far."""
        return self._best

    @property
    def _judged(self) -> nn.Module:
        return self._part if self._average is None else self._average.module

    def epoch(self) -> Progress:
        """Learn from all batches once, then look at dev."""
        number = self._next
        draw = torch.Generator().manual_seed(self._seed * _STEPS_OF_SEED + number)
        torch.manual_seed((self._seed * _STEPS_OF_SEED + number) * self._world.size + self._world.rank)
        unfreeze(self._part, self._settings, number)
        loss = self._learn(order(self._data.train, self._settings, draw))
        self._judged.eval()
        self._world.settle(self._judged)
        score = self._world.agreed(self._score(number, loss))
        self._schedule.step(score)
        if score > self._best or self._data.dev is None:
            self._best, self._best_epoch, self._best_weights = score, number, _copy(self._judged)
        self._next = number + 1
        return Progress(number, self._settings.epochs, loss, score, self._best, self.state)

    def _score(self, epoch: int, loss: float) -> float:
        """Judge on dev. Without any, only the last epoch is judged, on train; until then, the loss tells enough."""
        if self._data.dev is None and epoch + 1 < self._settings.epochs:
            return -loss
        with torch.no_grad():
            return self._objective.score(self._judged, self._data.train if self._data.dev is None else self._data.dev)

    def _learn(self, rows: Tensor) -> float:
        settings, world, place = self._settings, self._world, place_of(self._part)
        self._part.train()
        total, batches = 0.0, torch.split(rows, settings.batch * world.size)
        for first in range(0, len(batches), settings.accumulate):
            together = batches[first : first + settings.accumulate]
            self._optimiser.zero_grad()
            for index in together:
                own, real = world.share(index)
                batch = self._data.train.take(own)
                batch = batch if real == len(own) else unlabelled(batch, self._data.train.targets, real)
                batch = bring(batch, self._part)
                with torch.autocast(place.type, torch.bfloat16) if settings.precision == "bfloat16" else nullcontext():
                    loss = self._objective.loss(self._part, batch)
                (loss / len(together)).backward()  # type: ignore[no-untyped-call]  # torch ships it untyped
                total += loss.item() * len(index)
            world.average(self._part)
            nn.utils.clip_grad_norm_(self._part.parameters(), settings.clip)
            self._optimiser.step()
            if self._average is not None:
                self._average.update_parameters(self._part)
        if not math.isfinite(total):
            raise FloatingPointError(
                f"the loss became {total} at a learning rate of {settings.lr}; lower it, or the depth"
            )
        return total / max(len(rows), 1)

    def state(self) -> dict[str, Any]:
        """Make what is needed to go on from here."""
        return {
            "weights": _copy(self._part),
            "average": None if self._average is None else deepcopy(self._average.state_dict()),
            "optimiser": deepcopy(self._optimiser.state_dict()),  # its moments go on changing in place
            "schedule": deepcopy(self._schedule.state_dict()),
            "best": (self._next, self._best, self._best_epoch, self._best_weights),
        }

    def go_on_from(self, state: Mapping[str, Any]) -> None:
        """Stand where a state was made."""
        self._part.load_state_dict(state["weights"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(deepcopy(state["optimiser"]))
        self._schedule.load_state_dict(deepcopy(state["schedule"]))
        self._next, self._best, self._best_epoch, self._best_weights = state["best"]

    def finish(self) -> float:
        """Put the best weights into the part."""
        self._part.load_state_dict(self._best_weights)
        self._part.eval().requires_grad_(requires_grad=True)
        return self._best


def _copy(part: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in part.state_dict().items()}
