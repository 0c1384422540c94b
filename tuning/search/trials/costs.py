"""What members cost: milliseconds per second of footage for reading, each cue, each encoder and each head.

A part that several members need is paid once: `face.static` and `face.mamba` together cost one face finder and one
face encoder. The parts are timed one after the other on the start of one clip, on what the parts before them gave,
as in the real road (`ensemble/perception/`): fusion and mapping, which every choice of members needs, are left out.
What a corpus brings ready (`LabelledClip.brought`) is not perceived, so it costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Self, cast

from ensemble.perception import Impression, Key, Observer, Perception
from ensemble.plan import Member, Plan
from ensemble.recognizer import Recognizer
from modalities.grid import FRAMES
from modalities.modality import Modality
from modalities.types import FOREVER, SECOND, ClipName, Encoding, Footage, Microseconds, Percept, Segment
from modalities.whole import whole
from tuning.corpora.corpus import LabelledClip

PASSES = 3
"""That count, after one that does not."""
READING = "reading"
FORMAT = {"format": "twofold.costs", "version": 1}


@dataclass(frozen=True, slots=True)
class Costs:
    """What each part costs, and which parts each member needs."""

    seconds: float
    """Length of the footage that they were measured on."""
    parts: Mapping[str, float]
    """Part → milliseconds per second of footage; a median."""
    needs: Mapping[str, tuple[str, ...]]
    """Member → names of the parts that it needs, its own head among them."""

    def of(self, members: Collection[str]) -> float:
        """Return what members cost together, in milliseconds per second of footage; ValueError for an unknown one."""
        if unknown := sorted(set(members) - self.needs.keys()):
            raise ValueError(f"no cost was measured of {', '.join(unknown)}, only of {', '.join(self.needs)}")
        needed = {part for member in members for part in self.needs[member]}
        return sum(cost for part, cost in self.parts.items() if part in needed)

    def save(self, path: Path) -> None:
        """Write them as JSON; a search that goes on later has the same numbers."""
        with whole(path) as unfinished:
            unfinished.write_text(json.dumps({**FORMAT, **asdict(self)}, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read them; ValueError where the file holds something else."""
        try:
            table = json.loads(path.read_text())
            if {key: table.pop(key) for key in FORMAT} != FORMAT:
                raise ValueError("another format or version")  # noqa: TRY301  said as everything else that is wrong
            return cls(table["seconds"], table["parts"], {name: tuple(parts) for name, parts in table["needs"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} holds no costs of members ({error!r}); delete it to measure anew") from error


def measure_costs(plan: Plan, clip: LabelledClip, seconds: float = 8.0) -> Costs:
    """Time every part of a plan on the start of a clip: the median of three passes after one to warm up.

    seconds: how much of the clip at least, if it is that long; whole stretches are read. The plan's heads are moved to
    where a Recognizer has them. ValueError where the clip holds nothing.
    """
    recognizer = Recognizer(plan)
    passes = [_measure(recognizer, clip, seconds) for _ in range(1 + PASSES)][1:]
    length = passes[0][0]
    spent = {part: 1000 * median(took[part] for _, took in passes) / length for part in passes[0][1]}
    return Costs(length, spent, {member.name: _needed(plan, member) for member in plan.members})


def _measure(recognizer: Recognizer, clip: LabelledClip, seconds: float) -> tuple[float, dict[str, float]]:
    """Take the clip's start through every part once; return its length, and part → seconds that the part took."""
    plan, took = recognizer.plan, dict[str, float]()
    with _timing(took, READING):
        footages = _start_of(clip, round(seconds * SECOND))
    footages = _perceive(plan, footages, took)
    for key in dict.fromkeys((member.modality, member.grid) for member in plan.members):
        impressions = _encode(plan, key, footages, took)
        for member in plan.members:
            if (member.modality, member.grid) == key:
                with _timing(took, f"head {member.name}"):
                    for impression in impressions:
                        plan.modalities[key[0]].judge(impression.encodings[key], plan.heads[member.name])
    return (footages[-1].end - footages[0].start) / SECOND, took


@contextmanager
def _timing(took: dict[str, float], part: str) -> Iterator[None]:
    began = perf_counter()
    yield
    took[part] = perf_counter() - began


def _start_of(clip: LabelledClip, until: Microseconds) -> list[Footage]:
    """Read whole stretches until a time is reached; the last one ends the clip, so that no work stays open."""
    footages: list[Footage] = []
    for footage in clip.footages():
        footages.append(footage)
        if footage.end >= until:
            break
    if not footages or footages[-1].end <= footages[0].start:
        raise ValueError(f"{clip.name} has nothing in it, so no cost can be measured; choose another clip")
    end = footages[-1].end
    footages[-1] = footages[-1] if footages[-1].last else _ended(footages[-1])
    return [replace(one, segments=_before(one.segments, end)) for one in footages]


def _ended(footage: Footage) -> Footage:
    percepts = {name: _complete(percept) for name, percept in footage.percepts.items()}
    frames, waveform = replace(footage.frames, until=FOREVER), replace(footage.waveform, until=FOREVER)
    return replace(footage, last=True, frames=frames, waveform=waveform, percepts=percepts)


def _complete(percept: Percept) -> Percept:
    complete: Percept = replace(cast(Any, percept), until=FOREVER)
    return complete


def _before(segments: tuple[Segment, ...] | None, end: Microseconds) -> tuple[Segment, ...] | None:
    if segments is None:
        return None
    return tuple(replace(one, end=min(one.end, end)) for one in segments if one.start < end)


def _perceive(plan: Plan, footages: Sequence[Footage], took: dict[str, float]) -> list[Footage]:
    """Ask every cue, those first that others need; return the footages with what all of them found."""
    seen = list(footages)
    for name, cue in plan.cues.items():
        took[f"cue {name}"] = 0.0
        if name in seen[0].percepts:
            continue
        observer = Observer(cue)
        new = [{**_brought(footage), **footage.percepts} for footage in seen]
        with _timing(took, f"cue {name}"):
            found = [observer.look(percepts, footage) for percepts, footage in zip(new, seen, strict=True)]
        seen = [replace(one, percepts={**one.percepts, name: what}) for one, what in zip(seen, found, strict=True)]
    return seen


def _brought(footage: Footage) -> dict[str, Percept]:
    whose = ClipName(footage.clip, footage.frames.until)
    return {"clip": whose, "frames": footage.frames, "waveform": footage.waveform}


def _encode(plan: Plan, key: Key, footages: Sequence[Footage], took: dict[str, float]) -> list[Impression]:
    """Encode what was perceived on one grid; steps that all grids of a modality share are a part of their own."""
    encoder = _Timed(plan.modalities[key[0]])
    with _timing(took, _encoding(key)):
        impressions = list(Perception(plan.only({key}), {key[0]: encoder}).run(footages))
    if encoder.stepwise:
        took[_encoding(key)] -= encoder.took
        took.setdefault(f"encoder {key[0]}", encoder.took)
    return impressions


class _Timed:
    """A modality that measures how long it encodes."""

    def __init__(self, modality: Modality) -> None:
        self._modality = modality
        self.about = modality.about
        self.stepwise = modality.stepwise
        self.needs = modality.needs
        self.took = 0.0

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps."""
        began = perf_counter()
        encoding = self._modality.encode(percepts, segments)
        self.took += perf_counter() - began
        return encoding


def _needed(plan: Plan, member: Member) -> tuple[str, ...]:
    key = (member.modality, member.grid)
    cues = [f"cue {name}" for name in plan.only({key}).cues]
    shared = [f"encoder {member.modality}"] if plan.modalities[member.modality].stepwise else []
    return READING, *cues, *shared, _encoding(key), f"head {member.name}"


def _encoding(key: Key) -> str:
    modality, grid = key
    if grid == FRAMES:
        return f"encoding {modality} by frames"
    return f"encoding {modality} by {grid.duration:g}/{grid.step:g}/{grid.tail:g} s"
