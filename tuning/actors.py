"""Modalities as Ray actors: one actor each, named `modality.<name>.<run>`, side by side where the machine allows.

Whoever perceives a clip asks them through `Elsewhere`, which looks like the modality itself. A host keeps nothing of a
clip, so one that dies is started again and its call repeated.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import ray

from ensemble.host import Host
from ensemble.plan import EnsembleSettings, Plan
from modalities.modality import Modality
from modalities.native import use_threads
from modalities.types import Array, Encoding, Percept, Segment


class ModalityActor(Host):
    """A host with one thread: there are as many actors as there is work for."""

    def __init__(self, settings: EnsembleSettings, modality: str) -> None:
        use_threads(1)
        super().__init__(partial(Plan.of, settings), modality)


class Elsewhere:
    """A modality that lives in an actor of this name."""

    def __init__(self, modality: Modality, name: str) -> None:
        self.about: Literal["track", "clip"] = modality.about
        self.stepwise: bool = modality.stepwise
        self.needs: Mapping[str, str] = modality.needs
        self._actor: Any = ray.get_actor(name)

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Ask the actor; what comes out of Ray's store is read-only, and torch wants to own what it is given."""
        found: Encoding = ray.get(self._actor.encode.remote(percepts, segments))
        return Encoding(found.segments, *(_own(column) for column in (found.steps, found.mask, found.times)))


@contextmanager
def modality_actors(plan: Plan) -> Iterator[dict[str, str]]:
    """Start an actor for every modality of a plan; they end with the block. Returns modality → name of its actor."""
    # Those who perceive clips ask them and wait; there is one of those per core, so actors claim no core of their own.
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(ModalityActor)
    run = secrets.token_hex(4)  # several runs may share a cluster
    names = {modality: f"modality.{modality}.{run}" for modality in plan.modalities}
    actors = [actor.options(name=name).remote(plan.settings, modality) for modality, name in names.items()]
    try:
        yield names
    finally:
        for one in actors:
            ray.kill(one)


def elsewhere(plan: Plan, actors: Mapping[str, str]) -> dict[str, Elsewhere]:
    """Return the modalities of a plan as they live in actors."""
    return {name: Elsewhere(modality, actors[name]) for name, modality in plan.modalities.items()}


def _own(column: Array) -> Array:
    return np.require(column, requirements="W")
