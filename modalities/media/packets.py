"""Decoding packet by packet, so that a broken one costs itself and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from modalities.media.source import Limits, Source

AnyFrame = TypeVar("AnyFrame", VideoFrame, AudioFrame)

RETRIES = 16
"""How often reading goes on after an error of the file itself."""


class Decoder(Generic[AnyFrame]):
    """The frames of one stream, each decoded once; counts the packets that failed, or came out damaged."""

    def __init__(self, source: Source, stream: VideoStream | AudioStream, limits: Limits) -> None:
        self.source, self.stream = source, stream
        self.packets = self.bad = 0
        source.only(stream)
        context = stream.codec_context
        context.thread_count = limits.threads if isinstance(stream, VideoStream) else 1
        context.thread_type = "AUTO"
        context.options = {"max_pixels": str(limits.pixels)}

    def __iter__(self) -> Iterator[AnyFrame]:
        for packet in self._packets():
            self.packets += packet.size > 0
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                self.bad += 1
                continue
            frames = cast(list[AnyFrame], decoded)
            self.bad += packet.is_corrupt or any(frame.is_corrupt for frame in frames)
            yield from frames

    def _packets(self) -> Iterator[Packet[Stream]]:
        for _ in range(RETRIES):
            try:
                yield from self.source.container.demux(self.stream)
            except av.FFmpegError:
                self.bad += 1
            else:
                return
