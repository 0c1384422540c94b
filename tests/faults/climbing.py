"""A sweep of toy trials, and a copy of its folder at moments that are named: what it leaves who is killed there.

asked    the searcher is asked for a point              heard     it hears of a result that does not end a trial
ended    it hears that a trial ended: the last state is written, and Tune's own state does not know of it yet
dropped  a trial's older state was deleted, and Tune's own state may still name it
over     all trials have ended, and what came out is not written
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modalities.config import Uniform
from tuning.search.outcome import Objective, Outcome
from tuning.search.settings import SearchSettings
from tuning.search.tune.searchers import PossibleSearch
from tuning.search.tune.searchers import searcher as make
from tuning.search.tune.sweep import OUTCOME, Sweep, run_sweep

STEPS, TRIALS, SEED = 4, 5, 7
SWEEP = Sweep("climbing", {"height": Uniform(0.0, 1.0)}, (Objective("score", "max"),), STEPS)
WORKED = "worked"
"""File: a line for every step of work, the point and its number."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Trials that climb to their height in four steps."""

    out: Path

    def open(self) -> Climber:
        return Climber(self.out / WORKED)


class Climber:
    worst: Mapping[str, float] = {"score": 0.0}

    def __init__(self, log: Path) -> None:
        self._log, self._height, self._at = log, 0.0, 0

    def begin(self, point: Mapping[str, Any]) -> None:
        self._height, self._at = point["height"], 0

    def go_on(self) -> tuple[dict[str, float], bool]:
        self._at += 1
        with self._log.open("a") as log:
            log.write(f"{self._height!r} {self._at}\n")
        return {"score": self._height * (1 - 0.5**self._at)}, self._at == STEPS

    def state(self) -> dict[str, Any]:
        return {"at": self._at}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._at = state["at"]


class Seen:
    """Copies a folder at every moment, once it is watched."""

    def __init__(self) -> None:
        self._out: Path | None = None
        self._copies = Path()
        self._counted: Counter[str] = Counter()
        self._states: set[Path] = set()

    def watch(self, out: Path | None, copies: Path) -> None:
        """Watch a folder from now on, or none."""
        self._out, self._copies = out, copies

    def happened(self, event: str) -> None:
        if self._out is not None:
            self._counted[event] += 1
            shutil.copytree(self._out, self._copies / f"{event}-{self._counted[event]}")

    def look(self) -> None:
        """See whether a state was deleted."""
        if self._out is not None:
            there = set(self._out.glob("sweep/ray/*/checkpoint_*"))
            gone, self._states = self._states - there, there
            if gone:
                self.happened("dropped")


SEEN = Seen()


class Searching(PossibleSearch):
    """The searcher that a sweep has; it tells what happens."""

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        SEEN.happened("asked")
        return super().suggest(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        SEEN.happened("heard")
        super().on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        SEEN.happened("ended")
        super().on_trial_complete(trial_id, result, error)

    def save(self, checkpoint_path: str) -> None:
        SEEN.look()
        super().save(checkpoint_path)


def anything(point: Mapping[str, Any]) -> bool:
    return True


def climb(out: Path, stop: str, storage: str | None = None) -> Outcome:
    """Run what is left of the sweep."""
    how = SearchSettings(trials=TRIALS, stop=stop, grace=1, reduction=2)

    def searching() -> PossibleSearch:
        made = make(how, SWEEP.space, SWEEP.objectives, {"height": 0.5}, anything, seed=SEED, storage=storage)
        made.__class__ = Searching
        return made

    return run_sweep(
        SWEEP, Climb(out), how, out / "sweep", make_searcher=searching, trials=TRIALS, jobs=1, report=lambda _: None
    )


def all_moments(out: Path, copies: Path, stop: str) -> Outcome:
    """Run the sweep undisturbed, and copy its folder at every moment."""
    SEEN.watch(out, copies)
    outcome = climb(out, stop)
    SEEN.happened("over")
    SEEN.watch(None, copies)
    (copies / "over-1" / "sweep" / OUTCOME).unlink()
    return outcome


def tear(out: Path) -> None:
    """Cut in half what Tune copies file by file in the background, as who is killed while it does."""
    for path in (path for kind in ("*.json", "*.pkl") for path in (out / "sweep" / "ray").glob(kind)):
        os.truncate(path, path.stat().st_size // 2)
