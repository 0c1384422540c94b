"""Impressions of whole clips: made in bulk, written to a file, and read back. A file appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, cast

import numpy as np

from ensemble.host import Encodes
from ensemble.perception import Impression, Key, Perception, Told
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.grid import Grid
from modalities.types import (
    FOREVER,
    Array,
    Caption,
    Captions,
    Encoding,
    Footage,
    Segment,
    Speech,
    Transcript,
    Word,
    join_all,
)
from modalities.whole import whole


def impress(plan: Plan, footages: Iterable[Footage], modalities: Mapping[str, Encodes] | None = None) -> Impression:
    """Perceive a whole clip: the bulk executor of a plan, up to where heads begin; modalities may live elsewhere."""
    return join(list(Perception(plan, modalities).run(footages)))


def join(parts: list[Impression]) -> Impression:
    """Put the impressions of a clip's stretches into one."""
    first, last = parts[0], parts[-1]
    return Impression(
        first.start,
        last.end,
        last.last,
        np.concatenate([part.row_times for part in parts]),
        Sightings.join([part.sightings for part in parts]),
        {key: Encoding.join([part.encodings[key] for part in parts]) for key in first.encodings},
        last.frontiers,
        {name: cast(Told, join_all(part.told[name] for part in parts)) for name in first.told},
        last.segments,
        tuple(problem for part in parts for problem in part.problems),
    )


def save_impression(impression: Impression, path: Path) -> None:
    """Write an impression of a whole clip; the file appears whole or not at all."""
    arrays: dict[str, Array] = {"row_times": impression.row_times}
    arrays |= {f"sightings.{f.name}": getattr(impression.sightings, f.name) for f in fields(Sightings)}
    keys = list(impression.encodings)
    for number, key in enumerate(keys):
        encoding = impression.encodings[key]
        arrays[f"{number}.segments"] = _rows(encoding.segments)
        arrays |= {f"{number}.{name}": getattr(encoding, name) for name in ("steps", "mask", "times")}
    if impression.segments is not None:
        arrays["listed"] = _rows(impression.segments)
    about = {
        "span": [impression.start, impression.end],
        "keys": [[modality, grid.model_dump()] for modality, grid in keys],
        "told": {name: [type(percept).__name__, _listed(percept)] for name, percept in impression.told.items()},
        "problems": impression.problems,
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with whole(path) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # the stubs take `allow_pickle` for one of the arrays


def load_impression(path: Path, only: Container[Key] | None = None) -> Impression:
    """Read an impression of a whole clip, all of it or only some encodings."""
    with np.load(path, allow_pickle=False) as arrays:
        about: Mapping[str, Any] = json.loads(arrays["about"].tobytes())
        encodings: dict[Key, Encoding] = {}
        for number, (modality, grid) in enumerate(about["keys"]):
            key = modality, Grid(**grid)
            if only is not None and key not in only:
                continue
            segments = _segments(arrays[f"{number}.segments"])
            columns = (arrays[f"{number}.{name}"] for name in ("steps", "mask", "times"))
            encodings[key] = Encoding(segments, *columns)
        start, end = about["span"]
        return Impression(
            start=start,
            end=end,
            last=True,
            row_times=arrays["row_times"],
            sightings=Sightings(**{f.name: arrays[f"sightings.{f.name}"] for f in fields(Sightings)}),
            encodings=encodings,
            frontiers=dict.fromkeys(encodings, FOREVER),
            told={name: _told(kind, listed) for name, (kind, listed) in about["told"].items()},
            segments=_segments(arrays["listed"]) if "listed" in arrays.files else None,
            problems=tuple(about["problems"]),
        )


def _listed(percept: Told) -> list[Any]:
    """Return what a cue told as JSON can hold it."""
    match percept:
        case Speech():
            return list(percept.spans.tolist())
        case Transcript():
            return [astuple(word) for word in percept.words]
        case Captions():
            return [astuple(caption) for caption in percept.captions]


def _told(kind: str, listed: list[Any]) -> Told:
    if kind == Speech.__name__:
        return Speech(np.array(listed, np.int64).reshape(-1, 2), FOREVER)
    if kind == Transcript.__name__:
        return Transcript(tuple(Word(*word) for word in listed), FOREVER)
    return Captions(tuple(Caption(*caption) for caption in listed), FOREVER)


def _rows(segments: Iterable[Segment]) -> Array:
    rows = [(segment.start, segment.end, -1 if segment.track is None else segment.track) for segment in segments]
    return np.array(rows, np.int64).reshape(-1, 3)


def _segments(rows: Array) -> tuple[Segment, ...]:
    return tuple(Segment(start, end, None if track < 0 else track) for start, end, track in rows.tolist())
