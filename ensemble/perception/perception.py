"""The way of a clip through a plan's cues and encoders: footage in, impressions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from ensemble.host import Encodes, Perceives, Together, in_turn
from ensemble.perception.cursor import Cursor
from ensemble.perception.impression import Impression, Key, Told
from ensemble.perception.observer import Observer
from ensemble.perception.steps import StepStore, faces_of
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.grid import Span
from modalities.types import (
    FOREVER,
    ClipName,
    Encoding,
    Faces,
    Footage,
    Microseconds,
    Percept,
    Segment,
)


class Perception:
    """One clip's way through a plan's cues and encoders. Make a new one for each clip.

    `modalities` and `cues`: those of the plan that live elsewhere, if they do; `together` makes the calls that do not
    wait for each other.
    """

    def __init__(
        self,
        plan: Plan,
        modalities: Mapping[str, Encodes] | None = None,
        cues: Mapping[str, Perceives] | None = None,
        together: Together = in_turn,
    ) -> None:
        self._modalities: Mapping[str, Encodes] = modalities or plan.modalities
        self._together = together
        self._levels = _levels(cues or plan.cues)
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
        self._together([partial(self._store, name, new, stretch) for name in self._stores])
        closed: dict[Key, list[Span]] = {}
        for key, cursor in self._cursors.items():
            until = min(new[instance].until for instance in self._modalities[key[0]].needs.values())
            closed[key] = cursor.close(until, footage)
        encoded = self._together([partial(self._encode, key[0], spans) for key, spans in closed.items()])
        encodings: dict[Key, Encoding] = dict(zip(closed, encoded, strict=True))
        frontiers = {key: FOREVER if footage.last else cursor.frontier() for key, cursor in self._cursors.items()}
        self._forget(frontiers)
        return Impression(
            footage.start,
            footage.end,
            footage.last,
            footage.row_times,
            Sightings.of(next((percept for percept in new.values() if isinstance(percept, Faces)), None)),
            encodings,
            frontiers,
            {name: percept for name, percept in new.items() if isinstance(percept, Told)},
            footage.segments,
            footage.problems,
        )

    def _perceive(self, footage: Footage) -> dict[str, Percept]:
        """Ask every cue, those first that others need; what the footage brings ready is not perceived again."""
        whose = ClipName(footage.clip, footage.frames.until)
        new: dict[str, Percept] = {"clip": whose, "frames": footage.frames, "waveform": footage.waveform}
        new |= footage.percepts
        for level in self._levels:
            asked = {name: observer for name, observer in level.items() if name not in new}
            found = self._together([partial(observer.look, dict(new), footage) for observer in asked.values()])
            new |= dict(zip(asked, found, strict=True))
        return new

    def _store(self, name: str, new: Mapping[str, Percept], stretch: Segment) -> None:
        self._stores[name].add(_roles(self._modalities[name], new), stretch)

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
        oldest = min(frontiers.values(), default=FOREVER)
        for instance, percept in self._held.items():
            self._held[instance] = percept.since(oldest) if percept is not None else None


def _levels(cues: Mapping[str, Perceives]) -> list[dict[str, Observer]]:
    """Sort cues (those first that others need) into levels: each needs only what stands in earlier ones."""
    depth: dict[str, int] = {}
    for name, cue in cues.items():
        depth[name] = 1 + max((depth[need] for need in cue.needs.values() if need in depth), default=-1)
    levels: list[dict[str, Observer]] = [{} for _ in range(max(depth.values(), default=-1) + 1)]
    for name, cue in cues.items():
        levels[depth[name]][name] = Observer(cue)
    return levels


def _roles(modality: Encodes, percepts: Mapping[str, Percept]) -> dict[str, Percept]:
    return {role: percepts[instance] for role, instance in modality.needs.items()}
