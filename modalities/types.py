"""The values that flow: clip → footage → percepts → encoding → output.

Every value is frozen, checks itself when it is made, and carries its times. All times are integer microseconds after
the clip's origin (`container.start_time`); a span holds `start <= t < end`.

Axis letters of locals in numeric code: S segments, T steps, E encoding width, C classes, D features, M members,
H fusion heads, K compounds, F frames, B batch. `scores_SC` has one row per segment and one column per class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from modalities.labels import Labels

Microseconds = int
SECOND: Microseconds = 1_000_000
FOREVER: Microseconds = 2**62
SAMPLE_RATE = 16_000
"""Of every waveform, mono."""
SAMPLED_FPS = 5
"""Of the one clip-wide grid of sampled frames."""

Array = NDArray[Any]
Times = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


def seconds(time: Microseconds) -> float:
    """Microseconds as seconds."""
    return time / SECOND


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of a clip, about one face (`track`) or about everything (`None`)."""

    start: Microseconds
    end: Microseconds
    track: int | None = None

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a segment must end after it starts, but got {self.start} to {self.end} µs")

    @property
    def middle(self) -> Microseconds:
        """Midpoint, rounded down."""
        return (self.start + self.end) // 2

    @property
    def duration(self) -> Microseconds:
        """Length."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Clip:
    """One media file: a path, or its bytes with a name for messages."""

    source: Path | bytes
    name: str

    @classmethod
    def of(cls, source: str | Path | bytes, name: str | None = None) -> Clip:
        """Make a clip of a path or of bytes."""
        if isinstance(source, bytes):
            return cls(source, name or "clip")
        return cls(Path(source), name or Path(source).name)


# ---------------------------------------------------------------------------------------------------------- percepts


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

    def join(self, later: Faces) -> Faces:
        """Continue with later faces."""
        names = self._ROWS + self._LOOKS
        columns = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in names}
        return Faces(**columns, until=later.until)

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


@dataclass(frozen=True, slots=True)
class Word:
    """One word; `timing` says whether its times were aligned to the sound or estimated from the utterance's."""

    text: str
    start: Microseconds
    end: Microseconds
    confidence: float
    timing: Literal["aligned", "estimated"]

    @property
    def middle(self) -> Microseconds:
        """A word belongs to the segments that hold this."""
        return (self.start + self.end) // 2


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said, in order of time; empty where the recogniser was not sure or the language is not its own."""

    words: tuple[Word, ...]
    until: Microseconds

    def join(self, later: Transcript) -> Transcript:
        """Continue with later words."""
        return Transcript(self.words + later.words, later.until)

    def since(self, time: Microseconds) -> Transcript:
        """Keep words that end after `time`."""
        return Transcript(tuple(word for word in self.words if word.end > time), self.until)

    def text(self, start: Microseconds, end: Microseconds) -> str:
        """Return the words whose midpoint lies in a span."""
        return " ".join(word.text for word in self.words if start <= word.middle < end)


# ------------------------------------------------------------------------------------------------- footage, encodings


@dataclass(frozen=True, slots=True)
class Footage:
    """A stretch of a clip, decoded; no result depends on how long stretches are.

    `percepts` may hold what exists already (a table of transcripts, say): it is not perceived again. `segments`, if
    given, are judged instead of those of each member's grid. `problems`: sentences about what could not be decoded.
    """

    start: Microseconds
    end: Microseconds
    last: bool
    frames: Frames
    row_times: Times  # [F] of *every* video frame of the stretch; at 25 Hz where there is only sound
    waveform: Waveform
    percepts: Mapping[str, Percept] = field(default_factory=dict)
    segments: tuple[Segment, ...] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoding:
    """Segments as steps for a head. Label-free, so it can be cached; a masked step's value means nothing."""

    segments: tuple[Segment, ...]  # S
    steps: Array  # [S, T, ...] of any dtype
    mask: Mask  # [S, T], True where the step exists
    times: Times  # [S, T] of each step

    def __post_init__(self) -> None:
        if self.mask.shape != self.steps.shape[:2] or self.times.shape != self.mask.shape:
            raise ValueError(
                f"steps {self.steps.shape}, mask {self.mask.shape} and times {self.times.shape} must share [S, T]"
            )
        if len(self.segments) != len(self.mask):
            raise ValueError(f"{len(self.segments)} segments cannot have {len(self.mask)} rows of steps")

    @classmethod
    def of(cls, segments: Sequence[Segment], steps: Sequence[Array], times: Sequence[Times], like: Array) -> Encoding:
        """Pad one array of steps [T, ...] per segment to a common length; `like` [0, ...] gives width and dtype."""
        longest = max((len(rows) for rows in steps), default=0)
        padded = np.zeros((len(segments), longest, *like.shape[1:]), like.dtype)
        mask, when = np.zeros((len(segments), longest), np.bool_), np.zeros((len(segments), longest), np.int64)
        for row, (values, moments) in enumerate(zip(steps, times, strict=True)):
            padded[row, : len(values)], when[row, : len(values)], mask[row, : len(values)] = values, moments, True
        return cls(tuple(segments), padded, mask, when)

    @property
    def present(self) -> Mask:
        """Segments with at least one step [S]."""
        return np.asarray(self.mask.any(axis=1))

    @classmethod
    def join(cls, parts: Iterable[Encoding]) -> Encoding:
        """Put the segments of several encodings into one, padded to the longest; there must be at least one."""
        parts = list(parts)
        longest = max(part.mask.shape[1] for part in parts)

        def stack(columns: Sequence[Array]) -> Array:
            room = [[(0, 0), (0, longest - c.shape[1])] + [(0, 0)] * (c.ndim - 2) for c in columns]
            return np.concatenate([np.pad(c, widths) for c, widths in zip(columns, room, strict=True)])

        return cls(
            tuple(segment for part in parts for segment in part.segments),
            stack([part.steps for part in parts]),
            stack([part.mask for part in parts]),
            stack([part.times for part in parts]),
        )

    def take(self, rows: Sequence[int]) -> Encoding:
        """Keep some segments."""
        index = np.asarray(rows, np.int64)
        return Encoding(
            tuple(self.segments[row] for row in rows), self.steps[index], self.mask[index], self.times[index]
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """What a member says on one task: values [S, C] in the order of the labels that it speaks."""

    labels: Labels
    values: Scores
    uncertainty: Scores | None = None  # [S, C]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels need as many columns, but the scores are {self.values.shape}")


@dataclass(frozen=True, slots=True)
class Output:
    """A member's opinion. Absence is `present = False`, never a zero; absent rows hold finite fillers."""

    segments: tuple[Segment, ...]
    present: Mask  # [S]
    scores: Mapping[str, Scored]  # by task
    features: Scores | None = None  # [S, D]

    def __post_init__(self) -> None:
        for task, scored in self.scores.items():
            if len(scored.values) != len(self.segments) or len(self.present) != len(self.segments):
                raise ValueError(f"{task}: {len(scored.values)} rows of scores for {len(self.segments)} segments")

    @classmethod
    def join(cls, parts: Sequence[Output]) -> Output:
        """Put the segments of several outputs of one member one after the other; at least one."""
        first = parts[0]
        scores: dict[str, Scored] = {}
        for task, scored in first.scores.items():
            doubts = [value for part in parts if (value := part.scores[task].uncertainty) is not None]
            values = np.concatenate([part.scores[task].values for part in parts])
            scores[task] = Scored(scored.labels, values, np.concatenate(doubts) if doubts else None)
        features = [part.features for part in parts if part.features is not None]
        return cls(
            tuple(segment for part in parts for segment in part.segments),
            np.concatenate([part.present for part in parts]),
            scores,
            np.concatenate(features) if features else None,
        )

    def since(self, time: Microseconds) -> Output:
        """Keep segments that end after `time`."""
        kept = [row for row, segment in enumerate(self.segments) if segment.end > time]
        return Output(
            tuple(self.segments[row] for row in kept),
            self.present[kept],
            {
                task: Scored(s.labels, s.values[kept], None if s.uncertainty is None else s.uncertainty[kept])
                for task, s in self.scores.items()
            },
            None if self.features is None else self.features[kept],
        )
