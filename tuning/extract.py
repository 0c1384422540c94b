"""Extraction: fills the cache of encodings with Ray actors, in parallel.

Some watchers, as many as there are cores, decode clips and run their cues; what they perceive goes to one actor per
modality, which encodes it (`tuning/actors.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ray

from ensemble.plan import EnsembleSettings, Plan
from modalities.native import use_threads
from tuning.actors import elsewhere, modality_actors
from tuning.cluster import cores, spread_over
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache, impress, save_impression


class Watcher:
    """Perceives clips, has them encoded, and keeps what is left behind; without actors it encodes by itself."""

    def __init__(self, settings: EnsembleSettings, folder: Path, actors: Mapping[str, str] | None = None) -> None:
        use_threads(1)
        self._plan = Plan.of(settings)
        self._modalities = elsewhere(self._plan, actors) if actors else None
        self._cache = EncodingCache(folder, self._plan)

    def encode(self, clip: LabelledClip) -> None:
        """Encode one clip into the cache."""
        save_impression(impress(self._plan, clip.footages(), self._modalities), self._cache.path(clip))


def extract(
    plan: Plan, clips: Sequence[LabelledClip], cache: EncodingCache, done: Callable[[LabelledClip], None]
) -> None:
    """Encode clips into a cache; `done` is told of each."""
    watcher = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=2)(Watcher)
    with modality_actors(plan) as actors:
        spread_over(lambda: watcher.remote(plan.settings, cache.root, actors), "encode", clips, cores(), done=done)
