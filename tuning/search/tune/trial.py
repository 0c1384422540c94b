"""A trial as Ray Tune runs it: a class, so that an actor takes one point after the other and no process starts anew.

What a trial does is a `Task`'s affair, which knows nothing of Ray; what is measured of it stands in every result, and
its state is kept after every iteration, so that a killed sweep goes on in the middle of a trial.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from ray import tune

from modalities.native import use_threads

MEASURED, SECONDS, OVER, READY, BEGAN, PROBLEM = "measured", "own_seconds", "over", "ready", "began", "problem"
"""What a result says beside its values: their names, seconds of work so far, whether the trial is at its end, when its
process was ready and when the trial began, and why it failed, if it did."""
_STATE = "state.pt"


class Task(Protocol):
    """What a sweep's trials do; it is sent to every actor once, and opened there."""

    def open(self) -> Worker:
        """Make ready what all trials share."""
        ...


class Worker(Protocol):
    """Works on one point after the other."""

    @property
    def worst(self) -> Mapping[str, float]:
        """What the searcher is told that a point is worth which cannot be fitted, so that it looks elsewhere."""
        ...

    def begin(self, point: Mapping[str, Any]) -> None:
        """Begin with a point."""
        ...

    def go_on(self) -> tuple[dict[str, float], bool]:
        """Go on for one iteration; returns what is measured so far, and whether that was the last."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on from here: tensors, numbers, lists and tables of them."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there, after `begin` with the same point."""
        ...


def told(
    values: Mapping[str, float], times: tuple[float, float], *, over: bool, seconds: float, problem: str = ""
) -> dict[str, Any]:
    """Return what a result says; `times`: when the process was ready, and when the trial began."""
    ready, began = times
    about = {MEASURED: list(values), SECONDS: seconds, OVER: over, READY: ready, BEGAN: began, PROBLEM: problem}
    return {**values, **about}


class Steps(tune.Trainable):  # type: ignore[misc]  # Ray ships no types
    """Hands a task's worker to Tune."""

    def setup(self, config: dict[str, Any], task: Task | None = None) -> None:
        """Open the task: once per actor."""
        use_threads(1)
        if task is None:
            raise TypeError("a trial needs the task that its sweep sends along")
        self._worker = task.open()
        self._ready = time.time()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin with another point in the same process."""
        began, self._began = time.perf_counter(), time.time()
        self._worker.begin(new_config)
        self._own = time.perf_counter() - began
        return True

    def step(self) -> dict[str, Any]:
        """Go on for one iteration; a fit that diverges ends its trial, not the process."""
        began, problem = time.perf_counter(), ""
        try:
            values, over = self._worker.go_on()
        except FloatingPointError as error:
            values, over, problem = dict(self._worker.worst), True, str(error)
        self._own += time.perf_counter() - began
        result = told(values, (self._ready, self._began), over=over, seconds=self._own, problem=problem)
        return {**result, "done": over}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep the worker's state."""
        torch.save({"worker": self._worker.state(), SECONDS: self._own}, Path(checkpoint_dir) / _STATE)

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Go on from a state."""
        if isinstance(checkpoint, str):
            state = torch.load(Path(checkpoint) / _STATE, map_location="cpu", weights_only=True)
            self._worker.restore(state["worker"])
            self._own = state[SECONDS]
