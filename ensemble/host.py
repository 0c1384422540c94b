"""A host: one modality of a plan with its heads, to live in a process of its own; and a crew, all who work on a clip.

A host is a plain class. Extraction runs it as a Ray actor, a Serve replica is it; in process, the Recognizer has one of
each. `Perceives`, `Encodes` and `Judges` are what a clip's way through a plan must know of a part, wherever it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, TypeVar

from ensemble.plan import Plan
from modalities.device import device
from modalities.encoders.encoder import Encoder
from modalities.grid import Grid
from modalities.types import Encoding, Output, Percept, Segment

T = TypeVar("T")


class Perceives(Protocol):
    """A cue, or one that lives elsewhere."""

    @property
    def needs(self) -> Mapping[str, str]:
        """Role → instance name of the cue that fills it."""
        ...

    @property
    def grid(self) -> Grid | None:
        """The grid on whose segments it works, if it has one."""
        ...

    def perceive(
        self, percepts: Mapping[str, Percept], segments: Sequence[Segment], memory: Any
    ) -> tuple[Percept, Any]:
        """Look at what is new."""
        ...


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


class Judges(Encodes, Protocol):
    """A host, or one that lives elsewhere."""

    def judge(self, encodings: Mapping[str, Encoding]) -> dict[str, Output]:
        """Ask members what the segments show that each is handed."""
        ...


class Host:
    """One modality: encodes segments, and asks its heads about them."""

    def __init__(self, plan: Plan, modality: str) -> None:
        self._modality = plan.modalities[modality]
        own = [member.name for member in plan.members if member.modality == modality]
        self._heads = {name: plan.heads[name].to(device()) for name in own}
        self.about: Literal["track", "clip"] = self._modality.about
        self.stepwise: bool = self._modality.stepwise
        self.needs: Mapping[str, str] = self._modality.needs
        self.wants: Mapping[str, type[Percept]] = self._modality.wants

    @property
    def encoder(self) -> Encoder[Any]:
        """What turns what it perceives into vectors."""
        return self._modality.encoder

    @property
    def members(self) -> tuple[str, ...]:
        """Names of those whom its heads are."""
        return tuple(self._heads)

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps."""
        return self._modality.encode(percepts, segments)

    def judge(self, encodings: Mapping[str, Encoding]) -> dict[str, Output]:
        """Ask members (heads of this modality) what the segments show that each is handed."""
        return {name: self._modality.judge(encoding, self._heads[name]) for name, encoding in encodings.items()}


def in_turn(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Call one after the other."""
    return [call() for call in calls]


class Together(Protocol):
    """Makes calls that do not depend on each other: in turn, or at the same time where they wait for others."""

    def __call__(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Return the answers, in the order of the calls."""
        ...


@dataclass(frozen=True, slots=True)
class Crew:
    """Whoever takes part in a clip: a plan's own parts, or such that live elsewhere."""

    cues: Mapping[str, Perceives]
    hosts: Mapping[str, Judges]
    together: Together = in_turn

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Everybody in this process."""
        return cls(plan.cues, hosts_of(plan))


def hosts_of(plan: Plan) -> dict[str, Host]:
    """Make a host of every modality, in this process."""
    return {name: Host(plan, name) for name in plan.modalities}
