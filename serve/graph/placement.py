"""Placement: which parts of a bundle get a deployment of their own, and what each of its replicas claims.

It is derived from the bundle's manifest, the settings and what the machine or cluster has; nothing is loaded for it.

    compact     every process holds the whole plan; as many processes as there are cores (or GPUs)
    spread      each cue and each modality with its heads is a deployment; a conductor takes clips through them
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from serve.settings import GraphSettings, PartSettings, SettingsError

MANY_CORES = 8
"""With more, or with a GPU, parts live apart by default."""
CLIPS = 4
"""That a conductor takes through parts apart at once: it waits for them most of the time."""
CONDUCTOR, GATE = "conductor", "gate"


@dataclass(frozen=True, slots=True)
class Resources:
    """What a machine or cluster has."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What one deployment is given."""

    cpus: float
    gpus: float
    replicas: int
    most: int | None
    """Replicas that it may grow to, where it may."""
    resources: Mapping[str, float]
    timeout: float
    batch: int | None

    @property
    def options(self) -> dict[str, Any]:
        """Options of a Serve deployment."""
        actor = {"num_cpus": self.cpus, "num_gpus": self.gpus, "resources": dict(self.resources)}
        if self.most is None:
            return {"num_replicas": self.replicas, "ray_actor_options": actor}
        scaling = {"min_replicas": self.replicas, "max_replicas": self.most, "target_ongoing_requests": 1}
        return {"autoscaling_config": scaling, "ray_actor_options": actor}


@dataclass(frozen=True, slots=True)
class Placement:
    """Deployments by name. Without cues and hosts, the conductor holds everything."""

    kind: Literal["compact", "spread"]
    conductor: Claim
    gate: Claim
    cues: Mapping[str, Claim]
    hosts: Mapping[str, Claim]
    at_once: int
    """Clips in one conductor."""

    @property
    def processes(self) -> int:
        """Clips that are recognised at the same time."""
        return self.at_once * (self.conductor.most or self.conductor.replicas)


def place(ensemble: Mapping[str, Any], settings: GraphSettings, there: Resources) -> Placement:
    """Place the parts of a bundle (its manifest's `settings`); a SettingsError where they cannot fit."""
    cues, modalities = list(ensemble["cues"]), list(ensemble["modalities"])
    known = {CONDUCTOR, GATE, *cues, *modalities}
    if unknown := sorted(settings.parts.keys() - known):
        raise SettingsError(f"[graph.parts] names {', '.join(unknown)}, but this bundle has {', '.join(sorted(known))}")
    kind = settings.placement
    if kind == "auto":
        kind = "spread" if there.gpus or there.cpus > MANY_CORES else "compact"
    gate = _claim(settings, GATE, cpus=0.0, gpus=0.0, replicas=1)
    if kind == "compact":
        count = max(1, int(there.gpus) or int(there.cpus / settings.threads))
        gpus = 1.0 if there.gpus else 0.0
        conductor = _claim(settings, CONDUCTOR, cpus=min(1.0, there.cpus / count), gpus=gpus, replicas=count)
        placed = Placement(kind, conductor, gate, {}, {}, 1)
    else:
        cpus = _left(settings, [CONDUCTOR, *cues, *modalities], there.cpus)
        share = _down(min(1.0, there.gpus / max(1, len(modalities))))  # several modalities share a GPU
        conductor = _claim(settings, CONDUCTOR, cpus=cpus, gpus=0.0, replicas=1)
        placed = Placement(
            kind,
            conductor,
            gate,
            {name: _claim(settings, name, cpus=cpus, gpus=0.0, replicas=1) for name in cues},
            {name: _claim(settings, name, cpus=cpus, gpus=share, replicas=1) for name in modalities},
            CLIPS,
        )
    _check(placed, there)
    return placed


def _claim(settings: GraphSettings, name: str, *, cpus: float, gpus: float, replicas: int) -> Claim:
    wish = settings.parts.get(name, PartSettings())
    if wish.most is not None and wish.most < (wish.replicas or replicas):
        raise SettingsError(
            f"graph.parts.{name}: replicas cannot grow from {wish.replicas or replicas} to {wish.most}; raise `most`"
        )
    return Claim(
        cpus=cpus if wish.cpus is None else wish.cpus,
        gpus=gpus if wish.gpus is None else wish.gpus,
        replicas=wish.replicas or replicas,
        most=wish.most,
        resources=wish.resources,
        timeout=wish.timeout or settings.timeout,
        batch=wish.batch,
    )


def _left(settings: GraphSettings, names: list[str], cpus: float) -> float:
    """Return what each part may claim that names no cores itself: an equal share of what the others leave."""
    wishes = [settings.parts.get(name, PartSettings()) for name in names]
    named = sum(wish.cpus * (wish.replicas or 1) for wish in wishes if wish.cpus is not None)
    sharing = sum(wish.replicas or 1 for wish in wishes if wish.cpus is None)
    return _down(min(1.0, max(0.0, cpus - named) / max(1, sharing)))


def _down(share: float) -> float:
    """Round down to what Ray counts."""
    return math.floor(share * 100) / 100 if share < 1 else share


def _check(placed: Placement, there: Resources) -> None:
    claims = [placed.conductor, placed.gate, *placed.cues.values(), *placed.hosts.values()]
    for what, has in (("cpus", there.cpus), ("gpus", there.gpus)):
        asked = sum(getattr(claim, what) * claim.replicas for claim in claims)
        if asked > has + 1e-6:
            raise SettingsError(
                f"the deployments ask for {asked:g} {what.upper()}, but there are {has:g}; "
                f"lower {what} or replicas in [graph.parts], or add machines"
            )
