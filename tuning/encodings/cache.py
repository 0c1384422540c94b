"""The cache: a clip's impression in pieces, each kept under the hash of what decides it, and made once.

A piece is what one modality encodes on one grid; what one cue writes (a transcript, captions) is a piece too, so that
another modality that reads it does not have it written again. A recipe with more members, or with the same ones under
other names, asks only for what is missing. A file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble.host import Encodes
from ensemble.perception import Impression, Key, Told
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.types import FOREVER, Captions, Faces, Transcript
from tuning.corpora.corpus import LabelledClip
from tuning.encodings.impressions import impress, load_impression, save_impression
from tuning.encodings.key import content_of, file_hash, fingerprint
from tuning.storage import fetch, holds, names, send

WRITTEN = (Transcript, Captions)
"""What takes long to find and little room to keep."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What is kept in one file: a modality on one grid, or a cue."""

    plan: Plan  # the part of the whole that finds it
    folder: Path
    key: Key | None = None
    cue: str | None = None

    @property
    def watcher(self) -> str | None:
        """The cue that tells whom it sees."""
        return _watcher(self.plan)

    @property
    def by_name(self) -> bool:
        """Whether how the clip is called decides what is found."""
        parts = (*self.plan.cues.values(), *self.plan.modalities.values())
        return any("clip" in part.needs.values() for part in parts)

    def of(self, impression: Impression) -> Impression:
        """Cut it out of an impression of more."""
        encodings = {} if self.key is None else {self.key: impression.encodings[self.key]}
        told = {name: percept for name, percept in impression.told.items() if name in self.plan.cues}
        sightings = impression.sightings if self.watcher else Sightings.of(None)
        return replace(impression, encodings=encodings, told=told, sightings=sightings)


class EncodingCache:
    """Impressions of clips as a plan's cues and encoders make them, in a folder that plans may share."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self.root, self.plan = root, plan
        self.pieces = list(_pieces(root, plan))
        self._seen = next(piece for piece in self.pieces if piece.watcher == _watcher(plan))
        self._files: dict[Path, bytes] = {}
        self._last: tuple[LabelledClip, str] | None = None  # one clip's pieces are asked for after another's

    def content(self, clip: LabelledClip) -> str:
        """Return the hash of a clip's content; its file is read once."""
        if self._last is not None and self._last[0] is clip:
            return self._last[1]
        if clip.path is not None and clip.path not in self._files:
            self._files[clip.path] = file_hash(fetch(clip.path))
        content = content_of(clip, b"" if clip.path is None else self._files[clip.path])
        self._last = clip, content
        return content

    def missing(self, clips: Iterable[LabelledClip]) -> list[LabelledClip]:
        """Return the clips of which a piece must still be made."""
        has = self._look()
        return [clip for clip in clips if self._lacking(clip, has)]

    def lacking(self, clips: Iterable[LabelledClip]) -> Plan:
        """Return the part of the plan that makes all that is missing of some clips."""
        has = self._look()
        found = {piece for clip in clips for piece in self._lacking(clip, has)}
        return self._together([piece for piece in self.pieces if piece in found])

    def fill(self, clip: LabelledClip, modalities: Mapping[str, Encodes] | None = None) -> None:
        """Make what is missing of a clip, of what is there already; modalities may live elsewhere."""
        for pieces in _made_together(self._lacking(clip)):
            plan = self._together(pieces)
            known = {name: told for name, told in self._written(clip).items() if name in plan.cues}
            some = None if modalities is None else {name: modalities[name] for name in plan.modalities}
            self._save(clip, impress(plan, replace(clip, brought={**known, **clip.brought}).footages(), some), pieces)

    def keep(self, clip: LabelledClip, impression: Impression) -> None:
        """Keep an impression that was made elsewhere."""
        self._save(clip, impression, self.pieces)

    def load(self, clip: LabelledClip, only: Container[Key] | None = None) -> Impression:
        """Read a clip's impression, all of it or only some encodings and who was seen."""
        wanted = [piece for piece in self.pieces if only is None or piece.key in only]
        pieces = {piece.folder: piece for piece in wanted if not self._brought(piece, clip)}
        pieces[self._seen.folder] = self._seen
        try:
            found = {folder: self._read(self._path(piece, clip)) for folder, piece in pieces.items()}
        except FileNotFoundError:
            raise FileNotFoundError(f"{clip.name} was not encoded yet; run the extraction before training") from None
        first = found[self._seen.folder]
        encodings = {p.key: one for p in wanted if p.key for one in found[p.folder].encodings.values()}
        told = {name: percept for one in found.values() for name, percept in one.told.items()}
        return replace(first, encodings=encodings, told=told, frontiers=dict.fromkeys(encodings, FOREVER))

    def _save(self, clip: LabelledClip, impression: Impression, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            save_impression(piece.of(impression), path := self._path(piece, clip))
            send(path)

    def _read(self, path: Path) -> Impression:
        return load_impression(path if path.exists() else fetch(path))

    def _look(self) -> Callable[[Path], bool]:
        """Look once at all that is there, for many clips; returns whether it was among it."""
        return {piece.folder / name for piece in self.pieces for name in names(piece.folder)}.__contains__

    def _lacking(self, clip: LabelledClip, has: Callable[[Path], bool] = holds) -> list[Piece]:
        return [p for p in self.pieces if not self._brought(p, clip) and not has(self._path(p, clip))]

    def _brought(self, piece: Piece, clip: LabelledClip) -> bool:
        """Whether a corpus brings what a cue would write."""
        return piece.cue is not None and piece.cue in clip.brought and _writes(self.plan, piece.cue)

    def _together(self, pieces: Collection[Piece]) -> Plan:
        return self.plan.only([p.key for p in pieces if p.key], [p.cue for p in pieces if p.cue])

    def _written(self, clip: LabelledClip) -> dict[str, Told]:
        """Read what cues wrote of a clip before."""
        paths = {p.cue: self._path(p, clip) for p in self.pieces if p.cue and _writes(self.plan, p.cue)}
        return {cue: self._read(path).told[cue] for cue, path in paths.items() if holds(path)}

    def _path(self, piece: Piece, clip: LabelledClip) -> Path:
        """Where a piece is kept, or will be."""
        content = self.content(clip)
        if piece.by_name:
            content = hashlib.sha256(f"{content} {clip.name}".encode()).hexdigest()[: len(content)]
        return piece.folder / f"{content}.npz"


def _pieces(root: Path, plan: Plan) -> Iterator[Piece]:
    """Cut a plan into what is kept apart; cues that no modality needs are told of, too."""
    keys = list(dict.fromkeys((member.modality, member.grid) for member in plan.members))
    for key in keys:
        alone = plan.only([key])
        yield Piece(alone, root / fingerprint(alone), key=key)
    needed = plan.only(keys).cues
    for name in plan.cues:
        if _writes(plan, name) or name not in needed:
            alone = plan.only([], [name])
            yield Piece(alone, root / fingerprint(alone), cue=name)


def _made_together(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Group pieces by the cue that tells whom they see, for one impression tells of one; the rest goes with any."""
    groups: dict[str | None, list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.watcher, []).append(piece)
    blind = groups.pop(None, [])
    first, *others = groups.values() or [[]]
    return [group for group in ([*first, *blind], *others) if group]


def _watcher(plan: Plan) -> str | None:
    """Return the cue whose faces a result is about."""
    return next((name for name, cue in plan.cues.items() if issubclass(cue.gives, Faces)), None)


def _writes(plan: Plan, cue: str) -> bool:
    return issubclass(plan.cues[cue].gives, WRITTEN)
