"""The sound of a clip: 16 kHz, mono, each sample where its timestamp puts it."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from modalities.media.packets import Decoder
from modalities.media.pictures import LEAP
from modalities.media.source import MAX_RATE, MIN_RATE, Limits, Source, too_long
from modalities.types import SAMPLE_RATE, SECOND, Array, Microseconds

TOLERANCE: Microseconds = 15_000
"""Timestamps may stray by less than one packet (AAC at 48 kHz: 21 ms, Opus: 20 ms) before they count as a gap."""
MEAN = {"rematrix_maxval": "1"}
"""Mix channels with weights that sum to one; FFmpeg's own would make two equal ones 1.4 times as loud, and clip."""

Piece = tuple[int, Array]
"""Number of the first sample, counted from the origin, and samples."""


def sample_at(time: Microseconds) -> int:
    """Return the number of the first sample at `time` or later."""
    return -(-time * SAMPLE_RATE // SECOND)


class Run:
    """Sound without a gap and of one format: one resampler, one clock."""

    def __init__(self, frame: AudioFrame, start: Microseconds) -> None:
        self.format = _format(frame)
        self.start, self._fed = start, 0
        self._position = round(start * SAMPLE_RATE / SECOND)
        self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE, options=MEAN)

    @property
    def end(self) -> Microseconds:
        """Where the sound that came in ends."""
        return self.start + round(self._fed * SECOND / self.format[2])

    def continues(self, frame: AudioFrame, time: Microseconds | None) -> bool:
        """Whether a frame belongs here."""
        return _format(frame) == self.format and (time is None or abs(time - self.end) <= TOLERANCE)

    def feed(self, frame: AudioFrame | None) -> Iterator[Piece]:
        """Resample a frame, or with `None` what is left, up to where the sound ends."""
        frames = self._resampler.resample(frame)
        self._fed += frame.samples if frame else 0
        last = round(self.end * SAMPLE_RATE / SECOND)
        for resampled in frames:
            if resampled is None:  # what PyAV answers where there was nothing to convert
                continue
            samples = resampled.to_ndarray()[0]
            if frame is None:  # the filter's tail
                samples = samples[: max(0, last - self._position)]
            yield self._position, np.clip(np.nan_to_num(samples), -1, 1)
            self._position += len(samples)


def _format(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class Sound:
    """Reads the sound of a clip in order of time; holds what lies between two calls of `take`."""

    def __init__(self, source: Source, stream: AudioStream, limits: Limits) -> None:
        self.decoder: Decoder[AudioFrame] = Decoder(source, stream, limits)
        self.end: Microseconds = 0
        self.misplaced = 0
        self._source, self._limits = source, limits
        self._limit = round(limits.duration * SECOND)
        self._coming = self._resampled()
        self._held: list[Piece] = []
        self._written = 0
        self._exhausted = False

    @property
    def seen(self) -> bool:
        """Whether any sound could be decoded."""
        return self.end > 0

    def advance(self, end: Microseconds) -> None:
        """Decode until it is known what sounds before `end`, and whether anything does after it."""
        while not self._exhausted and (self._written < sample_at(end) or self.end <= end):
            piece = next(self._coming, None)
            if piece is None:
                self._exhausted = True
                return
            position, samples = piece
            late = max(0, self._written - position)  # before the origin, or said already
            if late < len(samples):
                self._held.append((position + late, samples[late:]))
                self._written = position + len(samples)

    def take(self, start: Microseconds, end: Microseconds) -> Array:
        """Hand out the samples of a stretch [N], with silence where there are none; empty if nothing ever sounded."""
        first, last = sample_at(start), sample_at(end)
        if not self.seen:
            return np.zeros(0, np.float32)
        whole = np.zeros(last - first, np.float32)
        for position, samples in self._held:
            share = samples[max(0, first - position) : max(0, last - position)]
            begin = max(position, first) - first
            whole[begin : begin + len(share)] = share
        self._held = [(position, samples) for position, samples in self._held if position + len(samples) > last]
        return whole

    def _resampled(self) -> Iterator[Piece]:
        run: Run | None = None
        for frame in self.decoder:
            time = self._time(frame)
            if not self._fits(frame, time):
                continue
            if run is None or not run.continues(frame, time):
                yield from self._feed(run, None)
                run = Run(frame, time if time is not None else run.end if run else 0)
            yield from self._feed(run, frame)
        yield from self._feed(run, None)

    def _feed(self, run: Run | None, frame: AudioFrame | None) -> list[Piece]:
        if run is None:
            return []
        try:
            pieces = list(run.feed(frame))
        except (av.FFmpegError, ValueError):  # a layout that cannot be mixed down, for example
            self.decoder.bad += frame is not None
            return []
        self.end = max(self.end, run.end)
        return pieces

    def _fits(self, frame: AudioFrame, time: Microseconds | None) -> bool:
        """Whether a frame can be used; counts it where not."""
        if not MIN_RATE <= frame.sample_rate <= MAX_RATE:
            self.decoder.bad += 1
            return False
        if time is None:
            return True
        if self._limit <= time < self.end + LEAP:
            raise too_long(self._source.name, self._limits)
        repeated = self.seen and time + frame.samples * SECOND // frame.sample_rate < self.end - TOLERANCE
        self.misplaced += repeated or time >= self._limit
        return not repeated and time < self._limit

    def _time(self, frame: AudioFrame) -> Microseconds | None:
        if frame.pts is None or not frame.time_base:
            return None
        return self._source.time(frame.pts, frame.time_base)
