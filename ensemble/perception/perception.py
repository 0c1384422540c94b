"""The way of a clip through a plan's cues and encoders: footage in, impressions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from ensemble.host import Encodes
from ensemble.perception.cursor import Cursor
from ensemble.perception.impression import Impression, Key
from ensemble.perception.observer import Observer
from ensemble.perception.steps import StepStore, faces_of
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.grid import Span
from modalities.types import (
    FOREVER,
    Captions,
    ClipName,
    Encoding,
    Faces,
    Footage,
    Microseconds,
    Percept,
    Segment,
    Speech,
    Transcript,
)

P = TypeVar("P")


class Perception:
    """One clip's way through a plan's cues and encoders. Make a new one for each clip.

    `modalities`: those of the plan that live elsewhere, if they do.
    """

    def __init__(self, plan: Plan, modalities: Mapping[str, Encodes] | None = None) -> None:
        self._modalities: Mapping[str, Encodes] = modalities or plan.modalities
        self._observers = {name: Observer(cue) for name, cue in plan.cues.items()}
        self._stores = {n: StepStore(modality) for n, modality in self._modalities.items() if modality.stepwise}
        others = [modality for modality in self._modalities.values() if not modality.stepwise]
        self._held: dict[str, Percept | None] = dict.fromkeys(need for m in others for need in m.needs.values())
        self._cursors = {(member.modality, member.grid): Cursor(member.grid) for member in plan.members}

    def run(self, footages: Iterable[Footage]) -> Iterator[Impression]:
        """Perceive the stretches of a clip in order."""
        for footage in footages:
            yield self._stretch(footage)

    def _stretch(self, footage: Footage) -> Impression:
        stretch = Segment(footage.start, max(footage.end, footage.start + 1))
        new = self._perceive(footage)
        for instance, old in self._held.items():
            self._held[instance] = new[instance] if old is None else old.join(new[instance])
        for name, store in self._stores.items():
            store.add(_roles(self._modalities[name], new), stretch)
        encodings: dict[Key, Encoding] = {}
        for key, cursor in self._cursors.items():
            until = min(new[instance].until for instance in self._modalities[key[0]].needs.values())
            encodings[key] = self._encode(key[0], cursor.close(until, footage))
        frontiers = {key: FOREVER if footage.last else cursor.frontier() for key, cursor in self._cursors.items()}
        self._forget(frontiers)
        return Impression(
            footage.start,
            footage.end,
            footage.last,
            footage.row_times,
            Sightings.of(_first(new, Faces)),
            encodings,
            frontiers,
            _first(new, Speech),
            _first(new, Transcript),
            _first(new, Captions),
            footage.segments,
            footage.problems,
        )

    def _perceive(self, footage: Footage) -> dict[str, Percept]:
        """Ask every cue, those first that others need; what the footage brings ready is not perceived again."""
        whose = ClipName(footage.clip, footage.frames.until)
        new: dict[str, Percept] = {"clip": whose, "frames": footage.frames, "waveform": footage.waveform}
        new |= footage.percepts
        for name, observer in self._observers.items():
            if name not in new:
                new[name] = observer.look(new, footage)
        return new

    def _encode(self, name: str, spans: list[Span]) -> Encoding:
        if name in self._stores:
            return self._stores[name].gather(spans)
        modality = self._modalities[name]
        held = {role: percept for role, need in modality.needs.items() if (percept := self._held[need]) is not None}
        if modality.about == "clip":
            return modality.encode(held, [Segment(start, end) for start, end in spans])
        seen = Sightings.of(faces_of(held))
        segments = [Segment(start, end, track) for start, end in spans for track in seen.tracks_in(start, end)]
        return modality.encode(held, segments)

    def _forget(self, frontiers: Mapping[Key, Microseconds]) -> None:
        """Drop what no open segment can need."""
        for name, store in self._stores.items():
            store.forget(min(time for (modality, _), time in frontiers.items() if modality == name))
        oldest = min(frontiers.values())
        for instance, percept in self._held.items():
            self._held[instance] = percept.since(oldest) if percept is not None else None


def _roles(modality: Encodes, percepts: Mapping[str, Percept]) -> dict[str, Percept]:
    return {role: percepts[instance] for role, instance in modality.needs.items()}


def _first(percepts: Mapping[str, Percept], kind: type[P]) -> P | None:
    return next((percept for percept in percepts.values() if isinstance(percept, kind)), None)
