"""Perception: runs a plan's cues and encoders over footage, stretch by stretch; the half that no label has a part in.

It hands out impressions: what a stretch left behind, before anyone judges it. In process they are judged at once
(`ensemble/recognizer.py`), in bulk they are kept for training (`tuning/encodings.py`); both run this one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ensemble.grid import Grid, Span
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.cues.cue import Cue
from modalities.modality import Modality
from modalities.types import (
    FOREVER,
    Array,
    Encoding,
    Faces,
    Footage,
    Microseconds,
    Percept,
    Segment,
    Speech,
    Times,
    Transcript,
)

P = TypeVar("P")
Key = tuple[str, Grid]
"""Members of one modality that share a grid share their encoding."""


@dataclass(frozen=True, slots=True)
class Impression:
    """What a stretch left behind: rows to fill, who was seen, what was said, and the encodings of closed segments."""

    start: Microseconds
    end: Microseconds
    last: bool
    row_times: Times
    sightings: Sightings
    encodings: Mapping[Key, Encoding]
    frontiers: Mapping[Key, Microseconds]  # where the first segment starts that is still open; FOREVER at the end
    speech: Speech | None
    transcript: Transcript | None
    segments: tuple[Segment, ...] | None
    problems: tuple[str, ...]


class Cursor:
    """Closes the segments of one grid, or of a list that the footage brings, each once."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._closed = 0
        self._listed: list[Span] | None = None  # by their ends, so that those that are over come first

    def close(self, until: Microseconds, stretch: Footage | Impression) -> list[Span]:
        """Return the spans that are over at `until`; at the end of the clip, all that are left."""
        end = stretch.end if stretch.last else None
        if stretch.segments is not None:
            if self._listed is None:
                self._listed = sorted({(s.start, s.end) for s in stretch.segments}, key=lambda span: span[::-1])
            over = [span for span in self._listed[self._closed :] if end is not None or span[1] <= until]
            self._closed += len(over)
            return over
        spans = self._grid.close(self._closed, until, end)
        self._closed += len(spans)
        return spans

    def frontier(self) -> Microseconds:
        """Return the earliest start of a span that is still open."""
        if self._listed is not None:
            return min((start for start, _ in self._listed[self._closed :]), default=FOREVER)
        return self._grid.span(self._closed)[0]


class StepStore:
    """The steps of a stepwise modality, each encoded once, until no open segment can need them."""

    def __init__(self, modality: Modality) -> None:
        self._modality = modality
        self._looked: Times = np.zeros(0, np.int64)
        self._steps: dict[int | None, tuple[Times, Array]] = {}
        self._like: Array = np.zeros((0, 0), np.float32)  # no step, of the modality's shape and dtype

    def add(self, percepts: Mapping[str, Percept], stretch: Segment) -> None:
        """Encode the new steps of everything or of every track; a segment about nobody tells which frames exist."""
        tracks: list[int | None] = [None]
        if self._modality.about == "track":
            tracks += np.unique(_only(percepts, Faces).tracks).tolist()
        new = self._modality.encode(percepts, [Segment(stretch.start, stretch.end, track) for track in tracks])
        self._like = new.steps.reshape(-1, *new.steps.shape[2:])[:0]
        self._looked = np.concatenate([self._looked, new.times[0]])
        for track, steps, mask, times in zip(tracks, new.steps, new.mask, new.times, strict=True):
            if (track is None) == (self._modality.about == "clip"):
                old_times, old_steps = self._steps.get(track, (times[:0], steps[:0]))
                self._steps[track] = np.concatenate([old_times, times[mask]]), np.concatenate([old_steps, steps[mask]])

    def gather(self, spans: Iterable[Span]) -> Encoding:
        """Return an encoding of each span × each track seen in it; a frame without the track is a masked step."""
        found: list[tuple[Segment, Times, Times, Array]] = []
        for start, end in spans:
            looked = self._looked[slice(*np.searchsorted(self._looked, [start, end]))]
            for track, (times, steps) in self._steps.items():
                first, last = np.searchsorted(times, [start, end])
                if first < last:
                    found.append((Segment(start, end, track), looked, times[first:last], steps[first:last]))
        like = self._like
        frames = [looked for _, looked, _, _ in found]
        blank = [np.zeros((len(looked), *like.shape[1:]), like.dtype) for looked in frames]
        encoding = Encoding.of([segment for segment, *_ in found], blank, frames, like)
        seen = np.zeros_like(encoding.mask)
        for row, (_, looked, times, steps) in enumerate(found):
            places = np.searchsorted(looked, times)
            encoding.steps[row, places], seen[row, places] = steps, True
        return Encoding(encoding.segments, encoding.steps, seen, encoding.times)

    def forget(self, before: Microseconds) -> None:
        """Drop steps that no open segment can need."""
        self._looked = self._looked[np.searchsorted(self._looked, before) :]
        kept = {track: (t[i:], s[i:]) for track, (t, s) in self._steps.items() for i in [np.searchsorted(t, before)]}
        self._steps = {track: (times, steps) for track, (times, steps) in kept.items() if len(times)}


class Perception:
    """One clip's way through a plan's cues and encoders. Make a new one for each clip."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._memory: dict[str, Any] = dict.fromkeys(plan.cues)
        self._stores = {n: StepStore(modality) for n, modality in plan.modalities.items() if modality.stepwise}
        others = [modality for modality in plan.modalities.values() if not modality.stepwise]
        self._held: dict[str, Percept | None] = dict.fromkeys(need for m in others for need in m.needs.values())
        self._cursors = {(member.modality, member.grid): Cursor(member.grid) for member in plan.members}

    def run(self, footages: Iterable[Footage]) -> Iterator[Impression]:
        """Perceive the stretches of a clip in order."""
        for footage in footages:
            yield self._stretch(footage)

    def _stretch(self, footage: Footage) -> Impression:
        stretch = Segment(footage.start, max(footage.end, footage.start + 1))
        new = self._perceive(footage, stretch)
        for instance, old in self._held.items():
            self._held[instance] = new[instance] if old is None else old.join(new[instance])
        for name, store in self._stores.items():
            store.add(_roles(self._plan.modalities[name], new), stretch)
        encodings: dict[Key, Encoding] = {}
        for key, cursor in self._cursors.items():
            until = min(new[instance].until for instance in self._plan.modalities[key[0]].needs.values())
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
            footage.segments,
            footage.problems,
        )

    def _perceive(self, footage: Footage, stretch: Segment) -> dict[str, Percept]:
        """Ask every cue, those first that others need; what the footage brings ready is not perceived again."""
        new: dict[str, Percept] = {"frames": footage.frames, "waveform": footage.waveform, **footage.percepts}
        for name, cue in self._plan.cues.items():
            if name not in new:
                new[name], self._memory[name] = cue.perceive(_roles(cue, new), [stretch], self._memory[name])
        return new

    def _encode(self, name: str, spans: list[Span]) -> Encoding:
        if name in self._stores:
            return self._stores[name].gather(spans)
        modality = self._plan.modalities[name]
        held = {role: percept for role, need in modality.needs.items() if (percept := self._held[need]) is not None}
        if modality.about == "clip":
            return modality.encode(held, [Segment(start, end) for start, end in spans])
        seen = Sightings.of(_only(held, Faces))
        segments = [Segment(start, end, track) for start, end in spans for track in seen.tracks_in(start, end)]
        return modality.encode(held, segments)

    def _forget(self, frontiers: Mapping[Key, Microseconds]) -> None:
        """Drop what no open segment can need."""
        for name, store in self._stores.items():
            store.forget(min(time for (modality, _), time in frontiers.items() if modality == name))
        oldest = min(frontiers.values())
        for instance, percept in self._held.items():
            self._held[instance] = percept.since(oldest) if percept is not None else None


def _roles(part: Cue | Modality, percepts: Mapping[str, Percept]) -> dict[str, Percept]:
    return {role: percepts[instance] for role, instance in part.needs.items()}


def _first(percepts: Mapping[str, Percept], kind: type[P]) -> P | None:
    return next((percept for percept in percepts.values() if isinstance(percept, kind)), None)


def _only(percepts: Mapping[str, Percept], kind: type[P]) -> P:
    found = _first(percepts, kind)
    if found is None:
        raise ValueError(f"a modality about tracks needs {kind.__name__}, but has only {', '.join(percepts)}")
    return found
