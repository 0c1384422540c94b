"""The picture of a clip: the time of every frame, and the few frames that are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from modalities.media.packets import Decoder
from modalities.media.source import Limits, Source, too_long
from modalities.types import SAMPLED_FPS, SECOND, Frames, Microseconds, Times

CELL: Microseconds = SECOND // SAMPLED_FPS
"""Of the clip-wide grid of sampled frames."""
USUAL: Microseconds = 40_000
"""How long a frame lasts where nothing says so; also the distance of rows where there is only sound."""
LEAP: Microseconds = 60 * SECOND
"""A time that jumps over the limit by more than this is broken; one that walks over it belongs to a long clip."""

Image = NDArray[np.uint8]


class Canvas:
    """Turns decoded frames into upright RGB images of one size."""

    def __init__(self, stream: VideoStream, side: int) -> None:
        self._side = side
        self._pixel = float(stream.sample_aspect_ratio or 1)
        self._size: tuple[int, int] | None = None  # upright width and height, those of the first frame
        self._reformatter = VideoReformatter()

    def image(self, frame: VideoFrame) -> Image:
        """Return [height, width, 3] RGB as it is shown: turned upright, pixels square, at most `side` long."""
        turns = round(frame.rotation / 90) % 4
        if self._size is None:
            width, height = self._fit(frame)
            self._size = (height, width) if turns % 2 else (width, height)
        width, height = self._size[::-1] if turns % 2 else self._size
        rgb = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=Interpolation.BILINEAR, threads=1)
        return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), turns))

    def _fit(self, frame: VideoFrame) -> tuple[int, int]:
        width, height = frame.width * self._pixel, float(frame.height)
        scale = min(1.0, self._side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


class Pictures:
    """Reads the video of a clip in order of time; holds what lies between two calls of `take`."""

    def __init__(self, source: Source, stream: VideoStream, limits: Limits) -> None:
        self.decoder: Decoder[VideoFrame] = Decoder(source, stream, limits)
        self.end: Microseconds = 0
        self.misplaced = 0
        self._source, self._limits = source, limits
        self._limit = round(limits.duration * SECOND)
        self._canvas = Canvas(stream, limits.side)
        self._coming = self._sampled()
        self._held: list[tuple[Microseconds, Image | None]] = []
        self._exhausted = False
        self._shift: Microseconds | None = None  # from the clock of decoding to that of showing

    @property
    def seen(self) -> bool:
        """Whether any frame could be decoded."""
        return self.end > 0

    def advance(self, end: Microseconds) -> None:
        """Decode until it is known what is shown before `end`, and whether anything is after it."""
        while not self._exhausted and not (self._held and self._held[-1][0] >= end):
            entry = next(self._coming, None)
            if entry is None:
                self._exhausted = True
            else:
                self._held.append(entry)

    def take(self, end: Microseconds, until: Microseconds) -> tuple[Times, Frames]:
        """Hand out the time of every frame before `end`, and the sampled frames among them."""
        ready = [entry for entry in self._held if entry[0] < end]
        self._held = self._held[len(ready) :]
        sampled = [(time, image) for time, image in ready if image is not None]
        times = np.array([time for time, _ in sampled], np.int64)
        frames = Frames(times, tuple(image for _, image in sampled), until)
        return np.array([time for time, _ in ready], np.int64), frames

    def _sampled(self) -> Iterator[tuple[Microseconds, Image | None]]:
        cell = -1
        for time, frame in self.placed():
            fresh = time // CELL > cell
            cell = time // CELL
            yield time, self._canvas.image(frame) if fresh else None
            if self._source.still:
                return

    def image(self, frame: VideoFrame) -> Image:
        """Return a frame as it is shown."""
        return self._canvas.image(frame)

    def placed(self) -> Iterator[tuple[Microseconds, VideoFrame]]:
        """Every frame with its time, strictly rising from 0; a frame without a time of its own is left out."""
        previous, expected, length = -1, 0, USUAL
        for frame in self.decoder:
            time = self._time(frame, expected)
            if self._limit <= time < previous + LEAP:
                raise too_long(self._source.name, self._limits)
            if time <= previous or time >= self._limit:
                self.misplaced += 1
                continue
            length = self._length(frame) or (time - previous if previous >= 0 else length)
            expected = time + length
            self.end = min(expected, self._limit)
            yield time, frame
            previous = time

    def _time(self, frame: VideoFrame, expected: Microseconds) -> Microseconds:
        value = frame.pts if self._source.ordered else frame.dts
        if value is None or not frame.time_base or self._source.still:
            return expected
        time = self._source.time(value, frame.time_base)
        if self._source.ordered:
            return time
        self._shift = expected - time if self._shift is None else self._shift
        return time + self._shift

    def _length(self, frame: VideoFrame) -> Microseconds:
        if self._source.still:
            return CELL
        if not frame.duration or not frame.time_base:
            return 0
        return round(frame.duration * frame.time_base * SECOND)
