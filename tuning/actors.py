"""Modalities as Ray actors, named `modality.<name>.<run>`: one each on a machine, and one each on every further one.

Whoever perceives a clip asks them through `Elsewhere`, which looks like the modality itself: the one on its own
machine, else any. A host keeps nothing of a clip, so one that dies is started again and its call repeated.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ensemble.host import Host
from ensemble.plan import EnsembleSettings, Plan
from modalities.modality import Modality
from modalities.native import use_threads
from modalities.types import Encoding, Percept, Segment
from tuning.cluster import LIVES
from tuning.machines import machines
from tuning.room import Demand, fits


class ModalityActor(Host):
    """A host with one thread: there are as many actors as there is work for."""

    def __init__(self, settings: EnsembleSettings, modality: str) -> None:
        use_threads(1)
        alone = settings.model_copy(update={"modalities": {modality: settings.modalities[modality]}})
        super().__init__(Plan.of(alone), modality)


Actors = Mapping[str, Mapping[str, str]]
"""Modality → id of the node that an actor of it was meant for → the actor's name."""


class Elsewhere:
    """A modality that lives in the nearest of some actors."""

    def __init__(self, modality: Modality, names: Mapping[str, str]) -> None:
        self.about: Literal["track", "clip"] = modality.about
        self.stepwise: bool = modality.stepwise
        self.needs: Mapping[str, str] = modality.needs
        here = ray.get_runtime_context()
        others = sorted(names.values())
        one = others[zlib.crc32(str(here.get_actor_id()).encode()) % len(others)]  # so that all of them have work
        self._actor: Any = ray.get_actor(names.get(here.get_node_id(), one))

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Ask the actor."""
        found: Encoding = ray.get(self._actor.encode.remote(percepts, segments))
        return found.writable()


@contextmanager
def modality_actors(plan: Plan, options: Mapping[str, Any] | None = None, replicas: int = 1) -> Iterator[Actors]:
    """Start actors for every modality of a plan, asking Ray for such `options` for each; they end with the block.

    With several replicas each is meant for a machine of its own, if that has what it asks for.
    """
    # Those who perceive clips ask them and wait; there is one of those per core, so actors claim no core of their own.
    asked = {"num_cpus": 0, "num_gpus": 0, **(options or {})}
    actor = ray.remote(**LIVES, **asked)(ModalityActor)
    run = secrets.token_hex(4)  # several runs may share a cluster
    nodes = [node["NodeID"] for node in _fitting(asked, len(plan.modalities))][:replicas]
    runs = {node: run if number == 0 else f"{run}-{number}" for number, node in enumerate(nodes)}
    names = {name: {node: f"modality.{name}.{one}" for node, one in runs.items()} for name in plan.modalities}
    actors = [
        actor.options(name=name, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True)).remote(
            plan.settings, modality
        )
        for modality, by_node in names.items()
        for node, name in by_node.items()
    ]
    try:
        yield names
    finally:
        for one in actors:
            ray.kill(one)


def elsewhere(plan: Plan, actors: Actors) -> dict[str, Elsewhere]:
    """Return the modalities of a plan that live in actors."""
    return {name: Elsewhere(plan.modalities[name], by_node) for name, by_node in actors.items()}


def _fitting(options: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the machines on which so many such actors have room, else one; all if none has: Ray will say why."""
    all_of_them = Demand.of("", {"resources": {}, **options}, count)
    for demand in (all_of_them, replace(all_of_them, count=1)):
        if found := [node for node in machines() if fits(node["Resources"], demand)]:
            return found
    return machines()
