"""Encodings in bulk: what perception leaves behind of each clip, kept on disk under the hash of what made it.

The key holds the clip's bytes, the settings of every cue and encoder, their grids, and the hashes of their assets;
nothing of the heads, so that changing a head never encodes anything again. A file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import astuple, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.host import Encodes
from ensemble.perception import Impression, Key, Perception
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities import assets
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
from tuning.corpora.corpus import LabelledClip

FORMAT = 3
"""Raise it when cues or encoders change what they find: what was kept before is then not used again."""


def fingerprint(plan: Plan) -> str:
    """Return the hash of everything that decides what perception finds in a clip, defaults included."""
    modalities = {
        name: {
            "name": modality.name,
            "settings": modality.config.model_dump(mode="json"),
            "encoder": [modality.encoder.name, modality.encoder.config.model_dump(mode="json")],
            "grids": sorted({member.grid.model_dump_json() for member in plan.members if member.modality == name}),
        }
        for name, modality in plan.modalities.items()
    }
    cues = {name: [cue.name, cue.config.model_dump(mode="json")] for name, cue in plan.cues.items()}
    files = {asset.name: asset.sha256 for asset in assets.table()}
    parts = (*plan.cues.values(), *(modality.encoder for modality in plan.modalities.values()))
    own = {str(path): _content(path) for part in parts for path in part.reads}
    about = {"format": FORMAT, "cues": cues, "modalities": modalities, "assets": files, "own": own}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _content(path: Path) -> str:
    """Hash a file, or all files of a folder; nothing where there is neither, which its part will say."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as stream:
                digest.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


class EncodingCache:
    """Impressions of clips in a folder."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.root, self.folder = folder, folder / fingerprint(plan)
        self._by_name = any("clip" in cue.needs.values() for cue in plan.cues.values())
        self._keys: dict[tuple[str, Path | None, str], Path] = {}

    def path(self, clip: LabelledClip) -> Path:
        """Where a clip's impression is kept, or will be; hashes the clip's file once."""
        # Names are unique within a corpus only, and one cache may serve several.
        key = (clip.name, clip.path, clip.split)
        if key not in self._keys:
            digest = hashlib.sha256()
            if clip.path is not None:
                with clip.path.open("rb") as media:
                    digest.update(hashlib.file_digest(media, "sha256").digest())
            for part in (clip.brought, clip.segments, clip.end, clip.name if self._by_name else None):
                hash_into(part, digest.update)
            self._keys[key] = self.folder / f"{digest.hexdigest()[:24]}.npz"
        return self._keys[key]

    def missing(self, clips: Iterable[LabelledClip]) -> list[LabelledClip]:
        """Return the clips that must still be encoded."""
        return [clip for clip in clips if not self.path(clip).exists()]

    def load(self, clip: LabelledClip, only: Container[Key] | None = None) -> Impression:
        """Read a clip's impression, all of it or only some encodings."""
        try:
            return load_impression(self.path(clip), only)
        except FileNotFoundError:
            raise FileNotFoundError(f"{clip.name} was not encoded yet; run the extraction before training") from None


def impress(plan: Plan, footages: Iterable[Footage], modalities: Mapping[str, Encodes] | None = None) -> Impression:
    """Perceive a whole clip: the bulk executor of a plan, up to where heads begin; modalities may live elsewhere."""
    return join(list(Perception(plan, modalities).run(footages)))


def hash_into(value: Any, update: Callable[[bytes], None]) -> None:
    """Hash what a corpus brings, by content."""
    if isinstance(value, np.ndarray):
        update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        update(type(value).__name__.encode())
        for field in fields(value):
            hash_into(getattr(value, field.name), update)
    elif isinstance(value, Mapping):
        hash_into(tuple(sorted(value.items())), update)
    elif isinstance(value, tuple):
        for part in value:
            hash_into(part, update)
    else:
        update(repr(value).encode())


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
        join_all(part.speech for part in parts),
        join_all(part.transcript for part in parts),
        join_all(part.captions for part in parts),
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
        "speech": None if impression.speech is None else impression.speech.spans.tolist(),
        "words": None if impression.transcript is None else [astuple(word) for word in impression.transcript.words],
        "captions": None if impression.captions is None else [astuple(c) for c in impression.captions.captions],
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
        speech, words, captions = about["speech"], about["words"], about["captions"]
        start, end = about["span"]
        return Impression(
            start=start,
            end=end,
            last=True,
            row_times=arrays["row_times"],
            sightings=Sightings(**{f.name: arrays[f"sightings.{f.name}"] for f in fields(Sightings)}),
            encodings=encodings,
            frontiers=dict.fromkeys(encodings, FOREVER),
            speech=None if speech is None else Speech(np.array(speech, np.int64).reshape(-1, 2), FOREVER),
            transcript=None if words is None else Transcript(tuple(Word(*word) for word in words), FOREVER),
            captions=None if captions is None else Captions(tuple(Caption(*c) for c in captions), FOREVER),
            segments=_segments(arrays["listed"]) if "listed" in arrays.files else None,
            problems=tuple(about["problems"]),
        )


def _rows(segments: Iterable[Segment]) -> Array:
    rows = [(segment.start, segment.end, -1 if segment.track is None else segment.track) for segment in segments]
    return np.array(rows, np.int64).reshape(-1, 3)


def _segments(rows: Array) -> tuple[Segment, ...]:
    return tuple(Segment(start, end, None if track < 0 else track) for start, end, track in rows.tolist())
