"""A clip as a row of stretches, in one pass, without ever holding more than about one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from modalities.media.pictures import USUAL, Pictures
from modalities.media.sound import Sound
from modalities.media.source import DEFAULT_LIMITS, USABLE, Limits, MediaError, opened
from modalities.types import (
    FOREVER,
    SECOND,
    Clip,
    Footage,
    Frames,
    Microseconds,
    Times,
    Waveform,
    seconds,
)

SLACK: Microseconds = SECOND // 2
"""A clip may end this much before its container says: padding and rounding, no damage."""


def read(clip: Clip, limits: Limits = DEFAULT_LIMITS) -> Iterator[Footage]:
    """Decode a clip stretch by stretch.

    Nothing in the footage depends on the length of the stretches. A file that cannot be used raises a MediaError
    before the first stretch; damage further on is told in `problems` of the last.
    """
    with ExitStack() as stack:
        yield from _Reader(clip, limits, stack).stretches()


class _Reader:
    """Picture and sound of a clip, kept at the same time.

    Each has its own view of the file: a file whose sound lies far from its picture, or ends before it, would
    otherwise have to be held in memory.
    """

    def __init__(self, clip: Clip, limits: Limits, stack: ExitStack) -> None:
        self._limits = limits
        self._source = source = stack.enter_context(opened(clip, limits))
        self._pictures = self._sound = None
        if source.video:
            self._pictures = Pictures(source, source.video, limits)
        if source.audio:
            own = stack.enter_context(opened(clip, limits)) if self._pictures else source
            if own.audio:
                self._sound = Sound(own, own.audio, limits)

    @property
    def _tracks(self) -> list[Pictures | Sound]:
        return [track for track in (self._pictures, self._sound) if track]

    def stretches(self) -> Iterator[Footage]:
        start, length, last = 0, round(self._limits.stretch * SECOND), False
        while not last:
            end = start + length
            for track in self._tracks:
                track.advance(end)
            over = max(track.end for track in self._tracks)
            if not over:
                raise self._nothing()
            last = over <= end
            end = min(end, over)
            yield self._footage(start, end, over if last else None)
            start = end

    def _footage(self, start: Microseconds, end: Microseconds, over: Microseconds | None) -> Footage:
        until = end if over is None else FOREVER
        if self._pictures and self._pictures.seen:
            row_times, frames = self._pictures.take(end, until)
        else:
            row_times, frames = _regular(start, end), Frames(np.zeros(0, np.int64), (), until)
        samples = self._sound.take(start, end) if self._sound else np.zeros(0, np.float32)
        return Footage(
            start,
            end,
            last=over is not None,
            frames=frames,
            row_times=row_times,
            waveform=Waveform(samples, start, until),
            problems=() if over is None else tuple(self._problems(over)),
            clip=self._source.name,
        )

    def _nothing(self) -> MediaError:
        bad = sum(track.decoder.bad for track in self._tracks)
        size = f", or its frames have more than {self._limits.pixels} pixels" if self._pictures else ""
        return MediaError(
            f"{self._source.name}: nothing in it could be decoded (broken packets: {bad}), "
            f"it is damaged{size}; {USABLE}"
        )

    def _problems(self, over: Microseconds) -> Iterator[str]:
        name, promised = self._source.name, self._source.promised
        bad = sum(track.decoder.bad for track in self._tracks)
        if bad:
            packets = sum(track.decoder.packets for track in self._tracks)
            yield f"{name}: {bad} of {packets} packets are broken"
        misplaced = sum(track.misplaced for track in self._tracks)
        if misplaced:
            yield f"{name}: {misplaced} frames stood out of order in time and were left out"
        if "picture" in self._source.unknown or (self._pictures and not self._pictures.seen):
            yield f"{name}: its picture could not be decoded, only its sound is used"
        if "sound" in self._source.unknown or (self._sound and not self._sound.seen):
            yield f"{name}: its sound could not be decoded, only its picture is used"
        if promised and promised - over > SLACK:
            yield f"{name} stops at {seconds(over):.1f} s, but its container promises {seconds(promised):.1f} s"


def _regular(start: Microseconds, end: Microseconds) -> Times:
    return np.arange(-(-start // USUAL) * USUAL, end, USUAL, dtype=np.int64)
