"""Media: a file becomes footage, stretch by stretch, with real presentation times and bounded memory.

    for footage in read(Clip.of("talk.mp4")): ...

Pictures and sound are decoded side by side, each frame once, neither further ahead than the stretch: so memory does not
depend on how the file interleaves them. Times are those of the container, after one origin for both. Only sampled
frames (the first in each cell of the clip-wide 5-per-second grid) are converted to RGB.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from modalities.config import Config
from modalities.types import (
    FOREVER,
    SAMPLE_RATE,
    SAMPLED_FPS,
    SECOND,
    Clip,
    Footage,
    Frames,
    Microseconds,
    Times,
    Waveform,
    seconds,
)

CELL = SECOND // SAMPLED_FPS
SOUND_ROW = SECOND // 25
"""Rows of a clip that has only sound."""
FRAME = 40_000
"""Length of a frame of which nothing says how long it is."""
PROMISE = 1.0
"""Seconds that a container may promise more than it holds before that is worth a sentence."""
Samples = NDArray[np.float32]


class MediaError(ValueError):
    """A file that cannot be used; the message is one sentence for its owner."""


class Limits(Config):
    """How much is decoded at once, and what is refused."""

    stretch: float = 4.0
    """Seconds decoded at once, in whole milliseconds; no result depends on it."""
    side: int = 1280
    """Longest side of sampled frames in pixels; larger ones are scaled down."""
    pixels: int = 8192 * 4320
    """Largest picture that is decoded: 8K. A larger one is a decompression bomb before it is a camera's."""
    duration: float = 6 * 3600.0
    """Seconds at most."""


def read(clip: Clip, limits: Limits | None = None) -> Iterator[Footage]:
    """Decode a clip as stretches, the last of which says so; a MediaError where nothing can be decoded."""
    with ExitStack() as stack:
        yield from _Reader(clip, limits or Limits(), stack).run()


def packet_times(clip: Clip) -> Times:
    """Return the presentation times of all video packets by demuxing alone, after the clip's origin, in order."""
    with ExitStack() as stack:
        container = _open(clip, Limits(), stack)
        stream, _ = _streams(container)
        if stream is None:
            return np.zeros(0, np.int64)
        clock = _Clock(container, stream)
        return np.unique([clock.time(packet.pts) for packet in container.demux(stream) if packet.pts is not None])


def frame_at(clip: Clip, time: Microseconds) -> NDArray[np.uint8]:
    """Return the upright RGB picture that is shown at a time, by seeking; a MediaError where there is none."""
    with ExitStack() as stack:
        container = _open(clip, Limits(), stack)
        stream, _ = _streams(container)
        if stream is not None:
            clock = _Clock(container, stream)
            if time > 0:
                container.seek(clock.pts(time), stream=stream)
            shown = None
            for frame in _decoded(container, stream, _Troubles()):
                if shown is not None and clock.time(frame.pts) > time:
                    break
                shown = frame
            if shown is not None:
                return _upright(shown, (shown.width, shown.height))
    raise MediaError(f"{clip.name} shows no picture at {seconds(time):.2f} s")


@dataclass(slots=True)
class _Troubles:
    packets: int = 0


class _Clock:
    """Turns a stream's time stamps into microseconds after the clip's origin, the same for all its streams."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._base = Fraction(stream.time_base) * SECOND
        self._origin = container.start_time if container.start_time is not None else 0

    def time(self, pts: int) -> Microseconds:
        return round(pts * self._base) - self._origin

    def pts(self, time: Microseconds) -> int:
        return int((time + self._origin) / self._base)


def _open(clip: Clip, limits: Limits, stack: ExitStack) -> Any:
    source = io.BytesIO(clip.source) if isinstance(clip.source, bytes) else str(clip.source)
    try:
        container = stack.enter_context(av.open(source, options={"max_pixels": str(limits.pixels)}))
    except FileNotFoundError:
        raise MediaError(f"{clip.name}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise MediaError(f"{clip.name} is a folder; give a media file") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{clip.name} cannot be read as media ({reason}); is it whole, and a video or sound?") from error
    return container


def _streams(container: Any) -> tuple[Any | None, Any | None]:
    """Return the first stream of moving pictures and the first of sound; the cover of a record is neither."""
    cover = av.stream.Disposition.attached_pic
    video = [stream for stream in container.streams.video if not stream.disposition & cover]
    return (video[0] if video else None), (container.streams.audio[0] if container.streams.audio else None)


def _decoded(container: Any, stream: Any, troubles: _Troubles) -> Iterator[Any]:
    """Decode a stream packet by packet, so that a broken one costs no more than itself."""
    stream.codec_context.thread_count = 1
    packets = container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except av.FFmpegError as error:
            if isinstance(error, av.EOFError):
                return
            troubles.packets += 1
            continue
        yield from (frame for frame in frames if not getattr(frame, "is_corrupt", False))


def _upright(frame: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    pixels = frame.reformat(*size, format="rgb24", interpolation=Interpolation.BILINEAR).to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


class _Pictures:
    """The video stream, frame by frame, up to where it is asked for."""

    def __init__(self, clip: Clip, limits: Limits, troubles: _Troubles, stack: ExitStack) -> None:
        container = _open(clip, limits, stack)
        stream, _ = _streams(container)
        self._still = container.format.name.endswith("_pipe") or container.format.name == "image2"
        self._clock = _Clock(container, stream)
        self._frames = _decoded(container, stream, troubles)
        self._limits = limits
        self._size: tuple[int, int] | None = None
        self._cell = -1
        self._next: Any = None
        self.end: Microseconds = 0
        self.over = False

    def until(self, time: Microseconds) -> tuple[list[Microseconds], list[Microseconds], list[NDArray[np.uint8]]]:
        """Return the times of all frames before a time, and times and pictures of the sampled ones."""
        rows: list[Microseconds] = []
        sampled: list[Microseconds] = []
        images: list[NDArray[np.uint8]] = []
        while (frame := self._peek()) is not None and (now := self._time(frame)) < time:
            rows.append(now)
            if now // CELL > self._cell:
                self._cell = now // CELL
                sampled.append(now)
                images.append(_upright(frame, self._target(frame)))
            self._last, self._next = now, None
            self.end = now + self._length(frame)
        return rows, sampled, images

    def _peek(self) -> Any:
        """The next frame that comes after the last one; one that does not has a broken time stamp."""
        while self._next is None and not self.over:
            self._next = next(self._frames, None)
            self.over = self._next is None
            if self._next is not None and self._time(self._next) < max(0, self._last + 1):
                self._next = None
        return self._next

    _last: Microseconds = -1

    def _time(self, frame: Any) -> Microseconds:
        return self.end if frame.pts is None else self._clock.time(frame.pts)

    def _length(self, frame: Any) -> Microseconds:
        if self._still:
            return CELL
        lasts = round(frame.duration * Fraction(frame.time_base) * SECOND) if frame.duration else 0
        return lasts or FRAME

    def _target(self, frame: Any) -> tuple[int, int]:
        """Size of all sampled frames of the clip: that of the first, or smaller."""
        if self._size is None:
            scale = min(1.0, self._limits.side / max(frame.width, frame.height))
            self._size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        return self._size


class _Sound:
    """The audio stream as 16 kHz mono, each sample in its place on the clip's clock; silence where there is none."""

    def __init__(self, clip: Clip, limits: Limits, troubles: _Troubles, stack: ExitStack) -> None:
        container = _open(clip, limits, stack)
        _, stream = _streams(container)
        self._clock = _Clock(container, stream)
        self._pieces = self._resampled(_decoded(container, stream, troubles))
        self._first = 0  # index on the clip's clock of the first sample that is held
        self._held: list[Samples] = []
        self._count = 0
        self.over = False

    @property
    def end(self) -> Microseconds:
        return (self._first + self._count) * SECOND // SAMPLE_RATE

    def until(self, time: Microseconds) -> Samples:
        """Return the sound from where the last call ended up to a time; shorter where the stream ends earlier."""
        wanted = time * SAMPLE_RATE // SECOND - self._first
        while self._count <= wanted and not self.over:
            piece = next(self._pieces, None)
            self.over = piece is None
            if piece is not None:
                self._held.append(piece)
                self._count += len(piece)
        joined = np.concatenate([*self._held, np.zeros(0, np.float32)])
        out, rest = joined[:wanted], joined[wanted:]
        self._held, self._first, self._count = [rest], self._first + len(out), len(rest)
        return out

    def _resampled(self, frames: Iterator[Any]) -> Iterator[Samples]:
        """Resample frame by frame; a gap in the time stamps becomes silence, what overlaps or comes before 0 is cut."""
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        placed = 0  # samples handed out so far
        base: int | None = None  # where the run of frames without a gap began …
        run = 0  # … and how many samples it has brought
        expected: Microseconds | None = None
        for frame in frames:
            now = expected if frame.pts is None else self._clock.time(frame.pts)
            now = 0 if now is None else now
            if expected is None or abs(now - expected) > GAP:
                for piece in () if base is None else self._flush(resampler):
                    yield piece
                    placed += len(piece)
                resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
                base, run = round(now * SAMPLE_RATE / SECOND), 0
            expected = now + round(frame.samples * SECOND / frame.sample_rate)
            for resampled in resampler.resample(frame):
                samples = resampled.to_ndarray()[0].astype(np.float32, copy=False)
                for piece in _fit(samples, base + run - placed):
                    placed += len(piece)
                    yield piece
                run += len(samples)
        if base is not None:
            yield from self._flush(resampler)

    def _flush(self, resampler: Any) -> list[Samples]:
        return [rest.to_ndarray()[0].astype(np.float32, copy=False) for rest in resampler.resample(None)]


GAP = 50_000
"""Audio time stamps may be this far from where the sound before them ends; beyond it there is a gap."""


def _fit(samples: Samples, distance: int) -> Iterator[Samples]:
    """Put samples `distance` after what was handed out: silence before them, or without those that overlap."""
    for start in range(0, distance, SAMPLE_RATE):
        yield np.zeros(min(SAMPLE_RATE, distance - start), np.float32)
    yield samples[max(0, -distance) :]


class _Reader:
    """Cuts what both streams bring into stretches."""

    def __init__(self, clip: Clip, limits: Limits, stack: ExitStack) -> None:
        self._clip, self._limits = clip, limits
        self._troubles = _Troubles()
        container = _open(clip, limits, stack)
        video, audio = _streams(container)
        if video is None and audio is None:
            raise MediaError(f"{clip.name} has neither pictures nor sound; give a video, a sound or an image")
        self._promised = container.duration or 0
        self._check(video)
        self._pictures = _Pictures(clip, limits, self._troubles, stack) if video is not None else None
        self._sound = _Sound(clip, limits, self._troubles, stack) if audio is not None else None

    def run(self) -> Iterator[Footage]:
        """Hand out stretch after stretch until both streams are over."""
        stretch = max(1, round(self._limits.stretch * 1000)) * 1000
        for number in count():
            start, end = number * stretch, (number + 1) * stretch
            rows, times, images = self._pictures.until(end) if self._pictures else ([], [], [])
            samples = self._sound.until(end) if self._sound else np.zeros(0, np.float32)
            clip_end = max(part.end for part in (self._pictures, self._sound) if part)
            over = all(part.over for part in (self._pictures, self._sound) if part)
            self._refuse(clip_end, over=over)
            last = over and clip_end <= end
            end = clip_end if last else end
            yield self._footage(start, end, (rows, times, images, samples), last=last)
            if last:
                return

    def _footage(
        self,
        start: Microseconds,
        end: Microseconds,
        found: tuple[list[Microseconds], list[Microseconds], list[NDArray[np.uint8]], Samples],
        *,
        last: bool,
    ) -> Footage:
        rows, times, images, samples = found
        until = FOREVER if last else end
        if self._sound:
            length = -(-end * SAMPLE_RATE // SECOND) - start * SAMPLE_RATE // SECOND
            samples = np.concatenate([samples, np.zeros(max(0, length - len(samples)), np.float32)])[:length]
        heard = np.arange(-(-start // SOUND_ROW) * SOUND_ROW, end, SOUND_ROW, dtype=np.int64)
        return Footage(
            start,
            end,
            last,
            Frames(np.array(times, np.int64), tuple(images), until),
            np.array(rows, np.int64) if self._pictures else heard,
            Waveform(samples, start, until),
            problems=self._problems(end) if last else (),
        )

    def _problems(self, end: Microseconds) -> tuple[str, ...]:
        said: list[str] = []
        if self._troubles.packets:
            said.append(f"{self._clip.name}: {self._troubles.packets} packets could not be decoded and were left out")
        if self._promised - end > PROMISE * SECOND:
            promised = seconds(self._promised)
            said.append(f"{self._clip.name} stops at {seconds(end):.1f} s, but its container promises {promised:.1f} s")
        return tuple(said)

    def _check(self, video: Any | None) -> None:
        """Refuse what declares itself too large, before anything is decoded."""
        if video is not None and video.width * video.height > self._limits.pixels:
            raise MediaError(
                f"{self._clip.name} declares pictures of {video.width} × {video.height}, but at most "
                f"{self._limits.pixels / 1e6:.0f} million pixels are decoded; scale it down"
            )
        if seconds(self._promised) > self._limits.duration:
            raise MediaError(self._too_long(self._promised))

    def _refuse(self, end: Microseconds, *, over: bool) -> None:
        """Refuse what turns out empty or endless."""
        if over and not end:
            broken = f" ({self._troubles.packets} broken packets)" if self._troubles.packets else ""
            raise MediaError(f"{self._clip.name}: nothing in it could be decoded{broken}; is the file whole?")
        if seconds(end) > self._limits.duration:
            raise MediaError(self._too_long(end))

    def _too_long(self, length: Microseconds) -> str:
        allowed = self._limits.duration
        return f"{self._clip.name} is {seconds(length):.0f} s long, but at most {allowed:.0f} s are read; cut it"
