"""Builders of small real clips, plain and odd: everything that the tests of media look at is written here by FFmpeg."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from modalities.media import Limits, read
from modalities.types import FOREVER, Clip

MS = Fraction(1, 1000)
FAST = {"preset": "ultrafast", "crf": "10", "threads": "1"}


def picture(level: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Grey of a level, with one bright quarter at the top left, so that order and orientation can be told."""
    width, height = size
    image = np.full((height, width, 3), level, np.uint8)
    image[: height // 2, : width // 2] = 255
    return image


def level(image: np.ndarray) -> int:
    """Read the grey of `picture` back from its bottom right quarter."""
    height, width, _ = image.shape
    return round(float(image[height * 3 // 5 :, width * 3 // 5 :].mean()))


def tone(rate: int, seconds: float, frequency: float = 1000.0) -> np.ndarray:
    """A sine of half amplitude that begins at once."""
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate + 1)).astype(np.float32)


@dataclass
class Video:
    """Frames at `times` (ms); frame i has the grey i · `step`, modulo 240."""

    times: Sequence[int] = tuple(range(0, 1000, 40))
    codec: str = "libx264"
    size: tuple[int, int] = (64, 48)
    pixel: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: dict(FAST))
    rotation: int | None = None
    aspect: Fraction | None = None
    step: int = 8

    def packets(self, out: av.container.OutputContainer) -> Callable[[], list[av.Packet]]:
        stream = out.add_stream(self.codec, rate=25, options=self.options)
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pixel
        stream.codec_context.time_base = MS
        if self.aspect:
            stream.codec_context.sample_aspect_ratio = self.aspect
        if self.rotation is not None:
            stream.set_display_rotation(self.rotation)

        def encode() -> list[av.Packet]:
            packets = []
            for number, time in enumerate(self.times):
                grey = number * self.step % 240
                frame = av.VideoFrame.from_ndarray(picture(grey, self.size)).reformat(format=self.pixel)
                frame.pts, frame.time_base = time, MS
                packets += stream.encode(frame)
            return packets + stream.encode(None)

        return encode


@dataclass
class Audio:
    """A tone from `start` (ms); `gap` = (at, length) in ms leaves a hole in the timestamps."""

    seconds: float = 1.0
    start: int = 0
    rate: int = 48_000
    codec: str = "pcm_s16le"
    layout: str = "mono"
    gap: tuple[int, int] | None = None
    samples: np.ndarray | None = None

    def packets(self, out: av.container.OutputContainer) -> Callable[[], list[av.Packet]]:
        stream = out.add_stream(self.codec, rate=self.rate, layout=self.layout)
        samples = tone(self.rate, self.seconds) if self.samples is None else self.samples
        layers = np.repeat(samples[None], len(stream.layout.channels), axis=0)

        def encode() -> list[av.Packet]:
            convert = av.AudioResampler(stream.format.name, self.layout, self.rate)
            packets: list[av.Packet] = []
            step = stream.codec_context.frame_size or 1024
            for first in range(0, layers.shape[1], step):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(layers[:, first : first + step]), "fltp", self.layout
                )
                moved = self.gap[1] if self.gap and first >= self.gap[0] * self.rate // 1000 else 0
                pts = first + (self.start + moved) * self.rate // 1000
                frame.sample_rate, frame.time_base, frame.pts = self.rate, Fraction(1, self.rate), pts
                for ready in convert.resample(frame):
                    ready.pts = pts
                    packets += stream.encode(ready)
            return packets + stream.encode(None)

        return encode


def film(
    form: str = "mp4", *tracks: Video | Audio, options: dict[str, str] | None = None, interleaved: bool = True
) -> bytes:
    """Encode tracks into a file; not `interleaved`: one track after the other."""
    file = io.BytesIO()
    with av.open(file, "w", format=form, options=options or {}) as out:
        encoders = [track.packets(out) for track in tracks]
        out.start_encoding()
        groups = [encode() for encode in encoders]
        packets = [packet for group in groups for packet in group]
        if interleaved:
            packets.sort(
                key=lambda packet: float((packet.dts if packet.dts is not None else packet.pts) * packet.time_base)
            )
        for packet in packets:
            out.mux(packet)
    return file.getvalue()


def still(codec: str = "png", pixel: str = "rgb24", size: tuple[int, int] = (64, 48), grey: int = 80) -> bytes:
    """One picture as a file of its own."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = size
    context.pix_fmt, context.time_base = pixel, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture(grey, size)).reformat(format=pixel)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def turned_jpeg(orientation: int) -> bytes:
    """A JPEG whose EXIF block says how to hold it."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    plain = still("mjpeg", "yuvj420p")
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares a gigantic picture."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", body) + part(b"IEND", b"")


def wave(samples: np.ndarray, rate: int, channels: int = 1) -> bytes:
    """A WAV file of float samples [N], with a header written by hand."""
    body = np.repeat(samples.astype("<f4")[:, None], channels, axis=1).tobytes()
    form = struct.pack("<HHIIHH", 3, channels, rate, rate * 4 * channels, 4 * channels, 32)
    parts = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


def with_cover(form: str, codec: str) -> bytes:
    """Half a second of music with a cover picture."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        sound = Audio(0.5, rate=44_100, codec=codec).packets(out)
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        out.start_encoding()
        frame = av.VideoFrame.from_ndarray(picture(80)).reformat(format="yuvj420p")
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        for packet in [*cover.encode(frame), *cover.encode(None), *sound()]:
            out.mux(packet)
    return file.getvalue()


def growing(sizes: Sequence[tuple[int, int]]) -> bytes:
    """A Matroska file of JPEG frames, 40 ms each, of these sizes."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.time_base = MS
        out.start_encoding()
        for number, size in enumerate(sizes):
            packet = av.Packet(still("mjpeg", "yuvj420p", size))
            packet.stream, packet.time_base = stream, MS
            packet.pts = packet.dts = number * 40
            packet.is_keyframe = True
            out.mux(packet)
    return file.getvalue()


@dataclass(frozen=True)
class Whole:
    """All footage of a clip put together."""

    end: int
    times: list[int]
    greys: list[int]
    images: list[np.ndarray]
    rows: list[int]
    samples: np.ndarray
    problems: tuple[str, ...]
    stretches: int

    @property
    def loud(self) -> tuple[float, float]:
        """First and last moment of sound, in ms."""
        heard = np.flatnonzero(np.abs(self.samples) > 0.1)
        return float(heard[0] / 16), float((heard[-1] + 1) / 16)


def whole(data: bytes | Path, name: str = "clip", **limits: float) -> Whole:
    """Read a clip to its end and check what holds for all footage."""
    parts = list(read(Clip.of(data, name), Limits(**limits)))
    length = round(limits.get("stretch", 4.0) * 1_000_000)
    assert [part.start for part in parts] == [number * length for number in range(len(parts))]
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].start < parts[-1].end <= parts[-1].start + length
    for part in parts:
        until = FOREVER if part.last else part.end
        assert part.frames.until == part.waveform.until == until
        assert part.waveform.start == part.start
        for times in (part.frames.times, part.row_times):
            assert all(part.start <= time < part.end for time in times)
        assert part.last or not part.problems
        assert all(image.dtype == np.uint8 and image.flags.c_contiguous for image in part.frames.images)
    frames = [part.frames for part in parts]
    images = [image for frame in frames for image in frame.images]
    rows = np.concatenate([part.row_times for part in parts])
    samples = np.concatenate([part.waveform.samples for part in parts])
    assert np.all(np.diff(rows) > 0)
    assert samples.dtype == np.float32
    assert len(samples) in (0, -(-parts[-1].end * 2 // 125))
    return Whole(
        parts[-1].end,
        [int(time) for frame in frames for time in frame.times],
        [level(image) for image in images],
        images,
        rows.tolist(),
        samples,
        parts[-1].problems,
        len(parts),
    )


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders by name, as `pytest` imports every test file on its own."""
    builders = (Video, Audio, film, still, turned_jpeg, bomb, wave, with_cover, growing, picture, level, tone, whole)
    return SimpleNamespace(**{builder.__name__: builder for builder in builders})
