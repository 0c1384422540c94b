"""Extraction: fills the cache of encodings with Ray actors, in parallel.

Some watchers, as many as the cluster has cores, decode clips and run their cues; what they perceive goes to one actor
per modality and machine, which encodes it (`tuning/actors.py`). A recipe's `[cluster]` says who runs where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import ray

from ensemble.plan import EnsembleSettings, Plan
from modalities.native import use_threads
from modalities.pretrained import Pretrained
from tuning.actors import Actors, elsewhere, modality_actors
from tuning.cluster import LIVES, cores, gpu_share, gpus, spread_over
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache
from tuning.machines import check_seen, machines
from tuning.placement import ClusterSettings
from tuning.room import Demand, require, room_for, sets_beside


class Watcher:
    """Perceives clips, has them encoded, and keeps what is left behind; without actors it encodes by itself."""

    def __init__(self, settings: EnsembleSettings, folder: Path, actors: Actors | None = None) -> None:
        use_threads(1)
        self._plan = Plan.of(settings)
        self._modalities = elsewhere(self._plan, actors) if actors else None
        self._cache = EncodingCache(folder, self._plan)

    def encode(self, clip: LabelledClip) -> None:
        """Encode what the cache lacks of one clip."""
        self._cache.fill(clip, self._modalities)


def extract(
    clips: Sequence[LabelledClip],
    cache: EncodingCache,
    done: Callable[[LabelledClip], None],
    where: ClusterSettings | None = None,
) -> None:
    """Make what a cache lacks of some clips; `done` is told of each.

    ClusterError, before any work, where the cluster has no room for what `where` asks, or its machines do not share
    the cache and the clips.
    """
    where, lacking = where or ClusterSettings(), cache.lacking(clips)
    watchers = min(_watchers(lacking), len(clips))
    own = where.encoders.gpus is None and where.cues.gpus is None
    share = gpu_share(len(lacking.modalities) * len(machines()) + watchers) if own else 0.0
    encoders, cues = where.encoders.options(cpus=0, gpus=share), where.cues.options(cpus=1, gpus=share)
    encoding = Demand.of("encoders", encoders, len(lacking.modalities))
    watching = Demand.of("cues", cues)
    require([encoding, watching], where.wait)
    watchers = max(1, room_for(watching.needs, watchers, [encoding]))
    folders = {clip.path.parent for clip in clips if clip.path is not None}
    check_seen([cache.root], folders)
    watcher = ray.remote(**LIVES, scheduling_strategy="SPREAD", **cues)(Watcher)
    replicas = min(watchers, sets_beside(encoding, replace(watching, count=watchers)))
    with modality_actors(lacking, encoders, replicas) as actors:
        spread_over(
            lambda: watcher.remote(cache.plan.settings, cache.root, actors), "encode", clips, watchers, done=done
        )


def _watchers(plan: Plan) -> int:
    """As many as there are cores; but where cues have networks, and GPUs that hold them, one for each GPU."""
    networks = any(isinstance(cue.config, Pretrained) for cue in plan.cues.values())
    return min(cores(), gpus()) if networks and gpus() else cores()
