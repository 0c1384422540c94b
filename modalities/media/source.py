"""Opening a clip: what is refused before anything is decoded, which streams are used, and where time begins.

Files come from strangers. They are opened without their name (FFmpeg would read patterns, protocols and formats into
it) and may not open other files; sizes are checked before a decoder may fill them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, BinaryIO, NoReturn

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream
from pydantic import Field

from modalities.config import Config
from modalities.types import SECOND, Clip, Microseconds

MIN_RATE, MAX_RATE = 2_000, 768_000
"""Of sound, in samples per second: below, one packet would become minutes; above, nothing is recorded."""
GUESSED = frozenset({"mp3", "aac", "ac3", "eac3", "dts", "h264", "hevc", "mpegvideo", "m4v", "mjpeg", "mpeg", "mpegts"})
"""Formats whose duration FFmpeg estimates from size or timestamps: no promise that a cut file could break."""
USABLE = "give a video, a sound or a picture, for example mp4, mkv, webm, wav, mp3, png or jpg"


class MediaError(ValueError):
    """A file that cannot be used; the message is the one sentence that a person sees."""


class Limits(Config):
    """How a clip is cut up, and how much one may ask for."""

    stretch: Annotated[float, Field(ge=0.1, le=600)] = 4.0
    """Seconds that are decoded at once."""
    side: Annotated[int, Field(ge=16)] = 1280
    """Longest side of sampled frames in pixels; larger ones are scaled down."""
    pixels: Annotated[int, Field(ge=1)] = 50_000_000
    """Of a frame: 8K film and a photograph of 50 megapixels pass; 16 reference frames of this size take 1.2 GB."""
    duration: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """Seconds."""
    channels: Annotated[int, Field(ge=1)] = 64
    """Of the sound."""
    threads: Annotated[int, Field(ge=0)] = 1
    """Of the video decoder; workers run in parallel, so one. 0: as many as there are cores."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Source:
    """An open clip."""

    name: str
    container: InputContainer
    video: VideoStream | None  # only if there is a decoder for it
    audio: AudioStream | None
    unknown: tuple[str, ...]  # what there is no decoder for: picture, sound
    origin: Microseconds  # of the container's clock; every time counts from here
    promised: Microseconds | None  # the duration that the container states
    still: bool  # one picture, without time
    ordered: bool  # whether it stores presentation times; AVI knows only the order of decoding

    def time(self, value: int, time_base: Fraction) -> Microseconds:
        """Convert a timestamp to microseconds after the origin, rounded to the nearest as FFmpeg does."""
        return microseconds(value, time_base) - self.origin

    def only(self, wanted: VideoStream | AudioStream) -> None:
        """Skip the packets of all other streams as early as the format allows."""
        for stream in self.container.streams:
            if stream is not wanted:
                stream.discard = Discard.all


def microseconds(value: int, time_base: Fraction) -> Microseconds:
    """Convert a timestamp to microseconds, halves rounded up."""
    double = 2 * time_base.denominator
    return (2 * value * time_base.numerator * SECOND + time_base.denominator) // double


@contextmanager
def opened(clip: Clip, limits: Limits) -> Iterator[Source]:
    """Open and check a clip; a MediaError says what is wrong with it."""
    with _bytes_of(clip) as file:
        try:
            container = av.open(
                file,
                "r",
                # no protocol bears this name: whatever a playlist points to cannot be opened
                options={"max_pixels": str(limits.pixels), "protocol_whitelist": "none"},
                metadata_errors="replace",
            )
        except av.FFmpegError as error:
            raise MediaError(f"{clip.name}: this is not a media file that can be read; {USABLE}") from error
        with container:
            source = _describe(clip.name, container)
            _check(source, limits)
            yield source


def _bytes_of(clip: Clip) -> BinaryIO:
    if isinstance(clip.source, bytes):
        size, file = len(clip.source), io.BytesIO(clip.source)
        return file if size else _refuse_empty(clip.name)
    if not clip.source.exists():
        raise MediaError(f"{clip.name}: there is no such file at {clip.source}; check the path")
    if not clip.source.is_file():
        raise MediaError(f"{clip.name}: {clip.source} is not a file but a folder or a device; {USABLE}")
    if not clip.source.stat().st_size:
        _refuse_empty(clip.name)
    try:
        # a number instead of a name, so that FFmpeg judges the content alone:
        return os.fdopen(os.open(clip.source, os.O_RDONLY), "rb")
    except OSError as error:
        raise MediaError(f"{clip.name}: {clip.source} cannot be opened ({error.strerror}); check its rights") from error


def _refuse_empty(name: str) -> NoReturn:
    raise MediaError(f"{name}: the file is empty (0 bytes); {USABLE}")


def _describe(name: str, container: InputContainer) -> Source:
    video, audio = _video(container), _audio(container)
    unknown = tuple(
        what for what, stream in (("picture", video), ("sound", audio)) if stream and not _decodable(stream)
    )
    known = container.format.name not in GUESSED and container.duration is not None
    return Source(
        name,
        container,
        video if video and _decodable(video) else None,
        audio if audio and _decodable(audio) else None,
        unknown,
        origin=_origin(container, [stream for stream in (video, audio) if stream]),
        promised=container.duration if known else None,
        still=container.format.name.endswith("_pipe") or container.format.name == "image2",
        ordered=container.format.name != "avi",
    )


def _video(container: InputContainer) -> VideoStream | None:
    """Return the video that FFmpeg likes best; a cover picture is not a video."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return next((stream for stream in streams if stream is best), streams[0] if streams else None)


def _audio(container: InputContainer) -> AudioStream | None:
    best = container.streams.best("audio")
    streams = container.streams.audio
    return next((stream for stream in streams if stream is best), streams[0] if streams else None)


def _decodable(stream: VideoStream | AudioStream) -> bool:
    context: object | None = stream.codec_context  # PyAV's type forgets the None
    return context is not None


def _origin(container: InputContainer, streams: list[VideoStream | AudioStream]) -> Microseconds:
    if container.start_time is not None:
        return container.start_time
    starts = [microseconds(s.start_time, s.time_base) for s in streams if s.start_time is not None and s.time_base]
    return min(starts, default=0)


def _check(source: Source, limits: Limits) -> None:
    name, video, audio = source.name, source.video, source.audio
    if not video and not audio and source.unknown:
        raise MediaError(f"{name}: there is no decoder for its {' and '.join(source.unknown)}; convert it to mp4")
    if not video and not audio:
        raise MediaError(f"{name}: there is neither picture nor sound in it; {USABLE}")
    if video:
        _check_size(name, video, limits)
    if audio:
        _check_sound(name, audio, limits)
    if source.promised is not None and source.promised > limits.duration * SECOND:
        raise too_long(name, limits)


def _check_size(name: str, video: VideoStream, limits: Limits) -> None:
    width, height = video.codec_context.width, video.codec_context.height
    if width * height > limits.pixels:
        raise MediaError(
            f"{name}: its frames have {width} × {height} pixels, at most {limits.pixels} are allowed; scale it down"
        )


def _check_sound(name: str, audio: AudioStream, limits: Limits) -> None:
    rate, channels = audio.codec_context.sample_rate, audio.codec_context.channels
    if rate and not MIN_RATE <= rate <= MAX_RATE:  # 0: not known before the first packet
        raise MediaError(f"{name}: its sound has {rate} samples per second, {MIN_RATE} to {MAX_RATE} are allowed")
    if channels > limits.channels:
        raise MediaError(f"{name}: its sound has {channels} channels, at most {limits.channels} are allowed")


def too_long(name: str, limits: Limits) -> MediaError:
    """Word the refusal of a clip that goes on for too long."""
    return MediaError(f"{name}: it lasts longer than the {limits.duration:g} s that are allowed; cut it into parts")
