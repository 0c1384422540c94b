"""What fails is absent: a crew that goes on without whom it loses, and says so.

One of these per clip. A modality that fails is absent from the segments about which it was asked; it is asked again
about the next ones. A cue that fails is lost for the rest of the clip, for what it remembered is gone: whoever needs it
finds nothing to look at, and so is absent as if nobody had been in view. Nothing of this happens outside of a server:
in training and on the command line an error is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from ensemble.host import Crew, Judges, Perceives
from ensemble.plan import Plan
from modalities.labels import Labels
from modalities.types import FOREVER, Encoding, Microseconds, Output, Percept, Segment

_log = logging.getLogger(__name__)


class Lost(Exception):  # noqa: N818  it is what happened to a part
    """A part that could not be asked; the message completes "was lost: …" and holds nothing private."""


class Findable(Protocol):
    """A percept that can say that nothing was found."""

    @classmethod
    def nothing(cls, until: Microseconds) -> Percept:
        """Return it, complete up to there."""
        ...


class Record:
    """What became of the parts in one clip: who was lost and why, and how long each took."""

    def __init__(self, plan: Plan) -> None:
        self._members: dict[str, list[str]] = {name: [] for name in plan.modalities}
        for member in plan.members:
            self._members[member.modality].append(member.name)
        self._cues = {name: set(cue.needs.values()) for name, cue in plan.cues.items()}
        self._needs = {name: set(modality.needs.values()) for name, modality in plan.modalities.items()}
        self._reasons: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._lock = Lock()

    @property
    def reasons(self) -> dict[str, str]:
        """Member → why it was first lost."""
        with self._lock:
            return dict(self._reasons)

    @property
    def seconds(self) -> dict[str, float]:
        """Cue or modality → seconds that were waited for it, in all."""
        with self._lock:
            return dict(self._seconds)

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Time a call of a part."""
        began = perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[name] = self._seconds.get(name, 0.0) + perf_counter() - began

    def modality(self, name: str, error: Exception) -> None:
        """Note that a modality could not be asked."""
        self._note([name], f"{name} {_why(error)}")

    def cue(self, name: str, error: Exception) -> None:
        """Note that a cue was lost, and with it those who need it."""
        lost = {name}
        for other, needs in self._cues.items():  # those that others need come first
            if needs & lost:
                lost.add(other)
        self._note([one for one, needs in self._needs.items() if needs & lost], f"{name} {_why(error)}")

    def _note(self, modalities: Sequence[str], why: str) -> None:
        with self._lock:
            for modality in modalities:
                for member in self._members[modality]:
                    self._reasons.setdefault(member, why)


def _why(error: Exception) -> str:
    if not isinstance(error, Lost):
        _log.error("a part of the ensemble failed", exc_info=error)
    return str(error) if isinstance(error, Lost) else f"failed with {type(error).__name__}"


def sparing(crew: Crew, plan: Plan, record: Record) -> Crew:
    """Return a crew for one clip that notes whom it loses, and goes on."""
    speaks = {member.name: plan.heads[member.name].speaks for member in plan.members}
    return Crew(
        {name: _SparedCue(name, cue, plan.cues[name].gives, record) for name, cue in crew.cues.items()},
        {name: _SparedHost(name, host, speaks, record) for name, host in crew.hosts.items()},
        crew.together,
    )


class _SparedCue:
    def __init__(self, name: str, cue: Perceives, gives: type[Any], record: Record) -> None:
        self.needs, self.grid = cue.needs, cue.grid
        self._name, self._cue, self._gives, self._record = name, cue, gives, record
        self._gone = False

    def perceive(
        self, percepts: Mapping[str, Percept], segments: Sequence[Segment], memory: Any
    ) -> tuple[Percept, Any]:
        if not self._gone:
            try:
                with self._record.timing(self._name):
                    return self._cue.perceive(percepts, segments, memory)
            except Exception as error:
                if not hasattr(self._gives, "nothing"):  # a stranger's percept that cannot say so
                    raise
                self._gone = True
                self._record.cue(self._name, error)
        until = min((percept.until for percept in percepts.values()), default=FOREVER)
        return self._gives.nothing(until), None


class _SparedHost:
    def __init__(self, name: str, host: Judges, speaks: Mapping[str, Mapping[str, Labels]], record: Record) -> None:
        self.about, self.stepwise, self.needs = host.about, host.stepwise, host.needs
        self._name, self._host, self._speaks, self._record = name, host, speaks, record
        self._like = np.zeros((0, 0), np.float32)  # [segments, steps, …] of its encodings, once that is known

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        try:
            with self._record.timing(self._name):
                encoding = self._host.encode(percepts, segments)
        except Exception as error:  # noqa: BLE001  whatever it was, the others go on
            self._record.modality(self._name, error)
            none = np.zeros((len(segments), 0))
            steps = np.zeros((len(segments), 0, *self._like.shape[2:]), self._like.dtype)
            return Encoding(tuple(segments), steps, none.astype(np.bool_), none.astype(np.int64))
        self._like = encoding.steps[:0]
        return encoding

    def judge(self, encodings: Mapping[str, Encoding]) -> dict[str, Output]:
        """Ask about what is there; about nothing nobody needs to be asked."""
        outputs = {name: Output.absent(encoding.segments, self._speaks[name]) for name, encoding in encodings.items()}
        asked = {name: encoding for name, encoding in encodings.items() if encoding.mask.any()}
        if asked:
            try:
                with self._record.timing(self._name):
                    outputs |= self._host.judge(asked)
            except Exception as error:  # noqa: BLE001  whatever it was, the others go on
                self._record.modality(self._name, error)
        return outputs
