"""Members: the rows that one learns from, and its fit, which goes on where it was stopped."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ensemble.perception import Impression
from ensemble.plan import Member, Plan
from modalities.device import bring, device
from modalities.heads.head import Head
from modalities.whole import whole
from tuning.calibration import calibrate
from tuning.corpora.corpus import LabelledClip, Split
from tuning.encodings import EncodingCache
from tuning.fit import Data, FitSettings, Keeper, Kept, Progress, Rows, fit
from tuning.fit.world import World
from tuning.objectives import HeadObjective
from tuning.recipe import RecipeError
from tuning.storage import StorageError, fetch, forget, holds, send


@dataclass(frozen=True, slots=True)
class Known:
    """A clip whose encodings are there, and the number of the corpus that it comes from."""

    clip: LabelledClip
    source: int


Sides = Mapping[Split, Sequence[Known]]


@dataclass(frozen=True, slots=True)
class Fitting:
    """One member that is fitted: its plan, its settings, and where its encodings are."""

    plan: Plan
    member: Member
    settings: FitSettings
    seed: int
    cache: EncodingCache

    def run(self, sides: Sides, states: States, report: Callable[[Progress], None]) -> float:
        """Fit the head, or only judge one that has nothing to train; returns its dev metric."""
        head = self.plan.heads[self.member.name]
        with tempfile.TemporaryDirectory(prefix="twofold-rows-") as folder:  # what is open in it outlives it
            train, dev = (self.keep(sides[side], Path(folder) / side) for side in ("train", "dev"))
        objective = begin(head, train, self.settings, self.seed)
        if not any(True for _ in head.parameters()):
            head.eval()
            calibrate(head, dev)
            with torch.no_grad():
                return objective.score(head, dev)
        data, keep = Data(train, dev), states.keeping(report)
        score = fit(head, objective, data, self.settings, seed=self.seed, report=keep, resume=states.read())
        calibrate(head, dev)
        return score

    def keep(self, known: Sequence[Known], folder: Path) -> Kept:
        """Write the member's present segments with their targets to a folder; clips are read one by one."""
        name, spoken = self.member.name, self.plan.heads[self.member.name].speaks
        key, by_track = (self.member.modality, self.member.grid), self.about_track
        with Keeper(folder, {task: len(labels) for task, labels in spoken.items()}) as keeper:
            for one in known:
                impression = self.cache.load(one.clip, only=(key,))
                encoding = impression.encodings[key]
                person = labelled_track(impression) if by_track else None
                rows = [row for row, s in enumerate(encoding.segments) if s.track == person and encoding.present[row]]
                taken = encoding.take(rows)
                found = one.clip.targets(taken.segments, impression.row_times)
                columns = {
                    task: found[task][:, self.plan.tasks[task].labels.positions(labels.names)]
                    for task, labels in spoken.items()
                    if task in found
                }
                keeper.add(taken, columns, one.source)
        rows_kept = Kept.open(folder)
        if not len(rows_kept):
            raise RecipeError(f"{name} is present in no clip of this split, so it cannot be fitted; check its cues")
        return rows_kept

    @property
    def about_track(self) -> bool:
        """Whether the member's segments are about one face each."""
        return self.plan.modalities[self.member.modality].about == "track"


def begin(head: Head, train: Rows, settings: FitSettings, seed: int) -> HeadObjective:
    """Draw a head's weights anew and have it know the rows that it is to learn from; returns what it is to learn."""
    torch.manual_seed(seed)
    head.reset()
    head.to(device())  # only now, so that a seed draws the same weights everywhere
    count = min(len(train), head.rows_to_know)
    sample = bring(train.take(torch.linspace(0, len(train) - 1, count, dtype=torch.float64).long()), head)
    head.standardise_by(sample["steps"], sample["mask"])
    return HeadObjective(head, train, settings)


def labelled_track(impression: Impression) -> int | None:
    """Whom the labels are about: the track that is seen most."""
    tracks, counts = np.unique(impression.sightings.tracks, return_counts=True)
    return int(tracks[counts.argmax()]) if len(tracks) else None


@dataclass(frozen=True, slots=True)
class States:
    """Where a fit writes from where to go on, now and then; a run that is killed loses no more than `every` seconds."""

    path: Path
    every: float = 10.0
    writes: bool = True  # of several workers only one does

    def read(self) -> Mapping[str, Any] | None:
        """Return the last state, if there is one, the same for all workers."""
        return World.here().told(self._read)

    def _read(self) -> Mapping[str, Any] | None:
        if not holds(self.path):
            return None
        state: Mapping[str, Any] = torch.load(fetch(self.path), map_location="cpu", weights_only=True)
        return state

    def keeping(self, report: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Pass progress on, and write states."""
        last = time.monotonic()

        def keep(progress: Progress) -> None:
            nonlocal last
            if self.writes and time.monotonic() - last >= self.every:
                with whole(self.path) as unfinished:
                    torch.save(progress.state(), unfinished)
                with suppress(StorageError):  # the next epoch tries again
                    send(self.path)
                    last = time.monotonic()
            report(progress)

        return keep

    def drop(self) -> None:
        """Forget the state: the part is ready."""
        if self.writes:
            forget(self.path)
