"""What the workers of the test's cluster are made of: whatever they do notes on which machine it ran.

Every process of the cluster imports this, so it imports no more than that needs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from ensemble.fusion import MultiHeadProbabilityFusion
from modalities.types import ClipName, Frames
from tests import toys
from tests.cluster.notes import note
from tests.tuning import tiny
from tuning.corpora.corpus import Corpus
from tuning.fit.world import World

PAUSE = 0.7
"""Seconds that a look at a clip takes."""
THOUGHT = 3.0
"""Seconds before a fusion is fitted; a trial fits one for each of five folds."""


class Noted(toys.Marks):
    """Sees what `Marks` does, takes its time, and notes where it ran."""

    name = "noted"
    wants: ClassVar = {"frames": Frames, "clip": ClipName}

    class Config(toys.Marks.Config):
        """Where to note it."""

        notes: str

    @property
    def needs(self):
        return {"frames": "frames", "clip": "clip"}

    def perceive(self, percepts, segments, memory):
        note(Path(self.config.notes), percepts["clip"].name)
        time.sleep(PAUSE)
        return super().perceive(percepts, segments, memory)


class Patient(MultiHeadProbabilityFusion):
    """Thinks before it learns: a trial takes longer than a machine needs to begin with another."""

    name = "patient"

    def __init__(self, config):
        super().__init__(config)
        self._thinks = True

    def train(self, mode=True):
        if mode and self._thinks:
            self._thinks = False
            time.sleep(THOUGHT)
        return super().train(mode)


def read(folder: Path) -> Corpus:
    """Read the tiny corpus, and note which worker reads it where."""
    note(folder.parent / "fitted", f"rank-{World.here().rank}")
    return tiny.read(folder)
