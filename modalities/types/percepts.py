"""Percepts: what is perceived in a stretch; they join in order of time, and forget what is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from modalities.types.spans import SAMPLE_RATE, SECOND, Array, Mask, Microseconds, Times


class Percept(Protocol):
    """What a cue found. `until`: complete up to here (excluded)."""

    @property
    def until(self) -> Microseconds:
        """Complete up to here."""
        ...

    def join(self, later: Self) -> Self:
        """Continue with what was found in the next stretch."""
        ...

    def since(self, time: Microseconds) -> Self:
        """Forget what ended at `time` or before."""
        ...


@dataclass(frozen=True, slots=True)
class ClipName:
    """Which clip this is: for cues that look something up."""

    name: str
    until: Microseconds

    def join(self, later: ClipName) -> ClipName:
        """Know the name for longer."""
        return ClipName(self.name, later.until)

    def since(self, time: Microseconds) -> ClipName:  # noqa: ARG002  a name is never over
        """Keep the name."""
        return self


@dataclass(frozen=True, slots=True)
class Frames:
    """Sampled frames: at most one per cell of the clip-wide 5-per-second grid, the first whose time is in the cell."""

    times: Times  # [F], rising
    images: tuple[NDArray[np.uint8], ...]  # F × [height, width, 3] RGB, upright
    until: Microseconds

    def __post_init__(self) -> None:
        if len(self.times) != len(self.images):
            raise ValueError(f"every frame needs a time: got {len(self.images)} frames and {len(self.times)} times")

    def join(self, later: Frames) -> Frames:
        """Continue with later frames."""
        return Frames(np.concatenate([self.times, later.times]), self.images + later.images, later.until)

    def since(self, time: Microseconds) -> Frames:
        """Keep frames at `time` or later."""
        first = int(np.searchsorted(self.times, time))
        return Frames(self.times[first:], self.images[first:], self.until)


@dataclass(frozen=True, slots=True)
class Waveform:
    """Sound: 16 kHz mono float32 in [-1, 1]; sample n is at `start + n / 16000` seconds. Gaps hold silence."""

    samples: NDArray[np.float32]  # [N]
    start: Microseconds
    until: Microseconds

    def join(self, later: Waveform) -> Waveform:
        """Continue with later sound."""
        if not len(self.samples):
            return later
        return Waveform(np.concatenate([self.samples, later.samples]), self.start, later.until)

    def since(self, time: Microseconds) -> Waveform:
        """Keep sound from `time` on, or a little before."""
        skip = min(max(0, (time - self.start) * SAMPLE_RATE // SECOND), len(self.samples))
        skip -= skip % 2  # two samples are whole microseconds, one is not
        return Waveform(self.samples[skip:], self.start + skip * SECOND // SAMPLE_RATE, self.until)

    def cut(self, start: Microseconds, end: Microseconds) -> NDArray[np.float32]:
        """Return the samples with `start <= t < end`; shorter where the sound does not reach."""
        first, last = (-((self.start - time) * SAMPLE_RATE // SECOND) for time in (start, end))
        return self.samples[max(0, first) : max(0, last)]


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces in sampled frames, one row per face; and which frames were looked at, so that absence is known."""

    times: Times  # [N], rising, of the frame
    tracks: NDArray[np.int64]  # [N], who
    boxes: NDArray[np.float32]  # [N, 4] left, top, right, bottom as shares of the frame's width and height
    scores: NDArray[np.float32]  # [N], detector confidence
    detected: Mask  # [N], False where a box was only followed from an earlier frame
    crops: NDArray[np.uint8]  # [N, 224, 224, 3] RGB, eyes level
    landmarks: NDArray[np.float32]  # [N, 478, 3] x, y as shares of the frame, z in the unit of x
    blendshapes: NDArray[np.float32]  # [N, 52] in [0, 1], in MediaPipe's order
    pose: NDArray[np.float32]  # [N, 3] yaw, pitch, roll in degrees
    looked: Times  # [F], times of all sampled frames that were looked at
    ran: Mask  # [F], where a detector really ran
    until: Microseconds

    _ROWS: ClassVar[tuple[str, ...]] = (
        "times", "tracks", "boxes", "scores", "detected", "crops", "landmarks", "blendshapes", "pose",
    )  # fmt: skip
    _LOOKS: ClassVar[tuple[str, ...]] = ("looked", "ran")

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self._ROWS}
        if len(set(lengths.values())) > 1 or len(self.looked) != len(self.ran):
            raise ValueError(f"every face needs all of its columns, but their lengths are {lengths}")

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: Array) -> Faces:
        """Keep some faces, by index or by mask; what was looked at stays."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._ROWS})

    @classmethod
    def nothing(cls, until: Microseconds) -> Self:
        """Return that nobody looked."""
        none, no = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        return cls(
            times=none,
            tracks=none,
            boxes=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            detected=no,
            crops=np.zeros((0, 224, 224, 3), np.uint8),
            landmarks=np.zeros((0, 478, 3), np.float32),
            blendshapes=np.zeros((0, 52), np.float32),
            pose=np.zeros((0, 3), np.float32),
            looked=none,
            ran=no,
            until=until,
        )

    def join(self, later: Faces) -> Faces:
        """Continue with later faces."""
        rows = [part for part in (self, later) if len(part)] or [self]  # crops of nobody have no side of their own
        columns = {name: np.concatenate([getattr(part, name) for part in rows]) for name in self._ROWS}
        looks = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in self._LOOKS}
        return Faces(**columns, **looks, until=later.until)

    def since(self, time: Microseconds) -> Faces:
        """Keep faces and looks at `time` or later."""
        looks = {name: getattr(self, name)[self.looked >= time] for name in self._LOOKS}
        return replace(self.take(self.times >= time), **looks)


@dataclass(frozen=True, slots=True)
class Speech:
    """Where somebody speaks: spans in order, apart from each other."""

    spans: Times  # [N, 2] start, end
    until: Microseconds

    def __post_init__(self) -> None:
        if self.spans.ndim != 2 or self.spans.shape[1] != 2 or np.any(np.diff(self.spans.ravel()) < 0):
            raise ValueError(f"speech spans must be [N, 2], in order and apart, but got {self.spans.tolist()}")

    @classmethod
    def nothing(cls, until: Microseconds) -> Self:
        """Return that nobody speaks."""
        return cls(np.zeros((0, 2), np.int64), until)

    def join(self, later: Speech) -> Speech:
        """Continue with later speech; a span that goes on is one span."""
        earlier, first = self.spans, later.spans
        if len(earlier) and len(first) and earlier[-1, 1] >= first[0, 0]:
            bridge = np.array([[earlier[-1, 0], first[0, 1]]], np.int64)
            return Speech(np.concatenate([earlier[:-1], bridge, first[1:]]), later.until)
        return Speech(np.concatenate([earlier, first]), later.until)

    def since(self, time: Microseconds) -> Speech:
        """Keep spans that end after `time`."""
        return Speech(self.spans[self.spans[:, 1] > time], self.until)

    def share(self, start: Microseconds, end: Microseconds) -> float:
        """Return the share of a span in which somebody speaks."""
        overlap = np.minimum(self.spans[:, 1], end) - np.maximum(self.spans[:, 0], start)
        return float(np.clip(overlap, 0, None).sum()) / (end - start)


P = TypeVar("P", bound=Percept)


def join_all(parts: Iterable[P | None]) -> P | None:
    """Join what was found in the stretches of a clip; None where nobody looked for it."""
    whole: P | None = None
    for part in parts:
        whole = part if whole is None or part is None else whole.join(part)
    return whole
