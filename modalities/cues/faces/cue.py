"""The cue: faces in sampled frames, with one number per person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, cast

import numpy as np
from pydantic import Field

from modalities.config import Config
from modalities.cues.cue import Cue
from modalities.cues.faces.crop import SIZE, cut
from modalities.cues.faces.cuts import SHOTS, Thumbnail, is_cut
from modalities.cues.faces.find import Face, Finder, Image, square
from modalities.cues.faces.flow import Grey, follow, grey
from modalities.cues.faces.tracks import Look, Track, associate, look
from modalities.types import Faces, Frames, Microseconds, Percept, Scores, Segment, seconds


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of a clip between stretches: small, and independent of where they end."""

    tracks: tuple[Track, ...] = ()  # that may go on
    people: int = 0  # tracks there were so far; the next one's number
    frames: int = 0  # looked at so far
    thumbnail: Thumbnail | None = None  # of the last frame
    grey: Grey | None = None  # of the last frame, if some are only followed
    time: Microseconds = -1  # of the last frame


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `Faces`."""

    time: Microseconds
    face: Face
    box: Scores
    crop: Image
    look: Look
    detected: bool
    track: int = -1

    @classmethod
    def of(cls, time: Microseconds, face: Face, image: Image, *, detected: bool) -> Row:
        """Make the row of a face of which it is not yet known whose it is."""
        crop = cut(image, face.landmarks)
        return cls(time, face, square(face.box, image.shape), crop, look(crop), detected)


class FaceFinder(Cue):
    """MediaPipe's face landmarker, YuNet where it finds none, tracks over time.

    Tracks are numbered from 0 in the order of their first appearance (in one frame the larger face first), and rows of
    one frame are sorted by track. Every track is kept, however short. A box is the square of pixels around the mesh, so
    that its sides, which are shares of the frame's width and height, also tell the frame's shape; near the border it
    reaches beyond the frame.
    """

    name: ClassVar[str] = "faces"
    assets: ClassVar[tuple[str, ...]] = ("face_landmarker", "yunet")
    wants: ClassVar[Mapping[str, type[Percept]]] = {"frames": Frames}
    gives: ClassVar[type[Percept]] = Faces

    class Config(Config):
        """What counts as a face, and how long one may be gone."""

        faces: Annotated[int, Field(ge=1)] = 5  # at most, per frame
        every: Annotated[int, Field(ge=1)] = 1  # look in each n-th sampled frame, follow the faces through the others
        gap: Annotated[float, Field(ge=0)] = 1.0  # seconds that a face may be gone and come back as the same track
        score: Annotated[float, Field(gt=0, lt=1)] = 0.6  # least of YuNet
        cut: Annotated[float, Field(ge=0, le=1)] = SHOTS  # below it, two frames are pictures of different shots

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._finder = Finder(config.faces, config.score)

    @property
    def needs(self) -> Mapping[str, str]:
        """Frames, which all footage brings."""
        return {"frames": "frames"}

    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],  # noqa: ARG002  it looks at every frame, whatever the segment
        memory: Memory | None,
    ) -> tuple[Faces, Memory]:
        """Find the faces of a stretch."""
        frames = cast(Frames, percepts["frames"])
        memory = memory or Memory()
        rows: list[Row] = []
        ran: list[bool] = []
        for time, image in zip(frames.times.tolist(), frames.images, strict=True):
            found, looked, memory = self._frame(time, image, memory)
            rows += found
            ran.append(looked)
        return _columns(rows, frames, ran), memory

    def close(self) -> None:
        """Close the networks; they open again when needed."""
        self._finder.close()

    def _frame(self, time: Microseconds, image: Image, memory: Memory) -> tuple[list[Row], bool, Memory]:
        """One frame: its rows, whether it was looked for faces, and what is known after it."""
        thumbnail = Thumbnail.of(image)
        cut_here = memory.thumbnail is not None and is_cut(memory.thumbnail, thumbnail, self.config.cut)
        tracks = [] if cut_here else [t for t in memory.tracks if seconds(time - t.seen) <= self.config.gap]
        small = grey(image) if self.config.every > 1 else None
        looks = cut_here or memory.frames % self.config.every == 0
        if looks:
            rows, people = self._look(time, image, tracks, memory.people)
        else:
            rows, people = _follow(time, image, tracks, memory, small), memory.people
        here = {row.track: Track(row.track, row.face, row.look, time) for row in rows}
        live = tuple(here.values()) + tuple(track for track in tracks if track.number not in here)
        return rows, looks, Memory(live, people, memory.frames + 1, thumbnail, small, time)

    def _look(self, time: Microseconds, image: Image, tracks: Sequence[Track], people: int) -> tuple[list[Row], int]:
        """Find faces and say whose they are."""
        faces = self._finder.find(image, expected=min(max(1, len(tracks)), self.config.faces))
        rows = [Row.of(time, face, image, detected=True) for face in faces]
        looks = [row.look for row in rows]
        known = associate(tracks, [row.face for row in rows], looks, time, (image.shape[0], image.shape[1]))
        numbered = []
        for row, track in zip(rows, known, strict=True):
            numbered.append(replace(row, track=people if track is None else track.number))
            people += track is None
        return sorted(numbered, key=lambda row: row.track), people


def _follow(time: Microseconds, image: Image, tracks: Sequence[Track], memory: Memory, now: Grey | None) -> list[Row]:
    """Follow the faces of the last frame into this one; where frames change their size, they are lost."""
    rows: list[Row] = []
    before = memory.grey
    if before is None or now is None or before.shape != now.shape:
        return rows
    for track in sorted(tracks, key=lambda track: track.number):
        face = follow(track.face, before, now) if track.seen == memory.time else None
        if face is not None:
            rows.append(replace(Row.of(time, face, image, detected=False), track=track.number))
    return rows


def _columns(rows: Sequence[Row], frames: Frames, ran: Sequence[bool]) -> Faces:
    def stack(values: Sequence[object], shape: tuple[int, ...], dtype: type) -> np.ndarray[tuple[int, ...], np.dtype]:
        return np.array(values, dtype).reshape(len(rows), *shape)

    return Faces(
        times=stack([row.time for row in rows], (), np.int64),
        tracks=stack([row.track for row in rows], (), np.int64),
        boxes=stack([row.box for row in rows], (4,), np.float32),
        scores=stack([row.face.score for row in rows], (), np.float32),
        detected=stack([row.detected for row in rows], (), np.bool_),
        crops=stack([row.crop for row in rows], (SIZE, SIZE, 3), np.uint8),
        landmarks=stack([row.face.landmarks for row in rows], (478, 3), np.float32),
        blendshapes=stack([row.face.blendshapes for row in rows], (52,), np.float32),
        pose=stack([row.face.pose for row in rows], (3,), np.float32),
        looked=frames.times,
        ran=np.array(ran, np.bool_),
        until=frames.until,
    )
