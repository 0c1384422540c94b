"""Extraction: fills the cache of encodings with Ray actors, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import ray

from ensemble.plan import EnsembleSettings, Plan
from modalities.native import use_threads
from tuning.cluster import cores, spread_over
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache


class Extractor:
    """Hosts a plan's cues and encoders, and encodes clips; a plain class, so that it works without Ray too."""

    def __init__(self, settings: EnsembleSettings, folder: Path) -> None:
        use_threads(1)
        self._plan = Plan.of(settings)
        self._cache = EncodingCache(folder, self._plan)

    def encode(self, clip: LabelledClip) -> None:
        """Encode one clip into the cache."""
        self._cache.encode(clip, self._plan)


def extract(plan: Plan, clips: Sequence[LabelledClip], folder: Path, done: Callable[[LabelledClip], None]) -> None:
    """Encode clips into the cache in a folder; `done` is told of each."""
    actor = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=2)(Extractor)
    spread_over(lambda: actor.remote(plan.settings, folder), "encode", clips, cores(), done=done)
