"""A host: one modality of a plan with its heads, to live in a process of its own.

It is a plain class. Extraction runs it as a Ray actor, a Serve replica is it; in process, perception asks the modality
itself. `Encodes` is what perception needs to know of either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from ensemble.plan import Plan
from modalities.types import Encoding, Output, Percept, Segment


class Encodes(Protocol):
    """A modality, or one that lives elsewhere."""

    @property
    def about(self) -> Literal["track", "clip"]:
        """Whether its segments are about one face each, or about everything."""
        ...

    @property
    def stepwise(self) -> bool:
        """Whether its encoder looks at one step at a time."""
        ...

    @property
    def needs(self) -> Mapping[str, str]:
        """Role → instance name of the cue that fills it."""
        ...

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps."""
        ...


class Host:
    """One modality: encodes segments, and asks its heads about them."""

    def __init__(self, make_plan: Callable[[], Plan], modality: str) -> None:
        plan = make_plan()
        self._modality = plan.modalities[modality]
        self._heads = {member.name: plan.heads[member.name] for member in plan.members if member.modality == modality}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps."""
        return self._modality.encode(percepts, segments)

    def judge(self, encoding: Encoding, member: str) -> Output:
        """Ask one of its heads what each segment shows."""
        return self._modality.judge(encoding, self._heads[member])
