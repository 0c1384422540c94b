"""What arrives, as footage: stretches of equal length, each closed once both streams have passed its end.

Where one stream stops coming, the other one closes stretches a little later and goes on alone. What arrives behind its
time is dropped, and frames beyond five per second are not looked at, as in every clip.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modalities.types import FOREVER, SAMPLE_RATE, SAMPLED_FPS, SECOND, Footage, Frames, Microseconds, Times, Waveform
from serve.live.inbox import Arrived, Source, Taken

GRACE: Microseconds = SECOND // 2
"""How far one stream may be behind the other until a stretch no longer waits for it."""
SIDE = 1280
"""Longest side of frames that are looked at."""
PIXELS = 20_000_000
"""Of a frame at most."""
AHEAD: Microseconds = 5 * SECOND
"""How far a sender's clock may be before ours."""
PAUSE = 0.02
"""Seconds between two looks into the inbox."""


class LiveError(ValueError):
    """A message that cannot be used; the sentence is for whoever sent it."""


class Incoming:
    """Cuts what arrives into stretches."""

    def __init__(self, source: Source, stretch: float, longest: float) -> None:
        self._source = source
        self._length: Microseconds = round(stretch * SECOND)
        self._longest: Microseconds = round(longest * SECOND)
        self._start: Microseconds = 0
        self._frames: dict[int, tuple[Microseconds, NDArray[np.uint8]]] = {}  # by cell
        self._sound = np.zeros(0, np.float32)  # from the first sample of the stretch that is open
        self._seen: Microseconds = -1  # how far each stream has come; nothing yet
        self._heard: Microseconds = -1
        self._late = 0
        self._taken = Taken((), over=False, dropped=0)
        self.began = 0.0
        """When the session's clock stood at zero, by `time.monotonic`."""

    @property
    def dropped(self) -> int:
        """Messages that were not looked at because they came too late, or too many."""
        return self._taken.dropped + self._late

    def footages(self) -> Iterator[Footage]:
        """Hand out stretches until the session is over."""
        while not (self._taken.over or self._start >= self._longest):
            self._listen()
            while self._passed(end := self._start + self._length):
                yield self._close(end, last=False)
            time.sleep(PAUSE)
        while (over := max(self._seen + 1, self._heard, self._start + 1)) > self._start + self._length:
            yield self._close(self._start + self._length, last=False)
        yield self._close(over, last=True)

    def _listen(self) -> None:
        self._taken = self._source.take()
        for message in self._taken.messages:
            if not self.began:
                self.began = time.monotonic() - min(message.time, AHEAD) / SECOND
            if message.time > (time.monotonic() - self.began) * SECOND + AHEAD:
                raise LiveError(
                    "a message is from the future; count its microseconds from the beginning of the session"
                )
            if message.kind == "frame":
                self._see(message)
            else:
                self._hear(message)

    def _see(self, message: Arrived) -> None:
        self._seen = max(self._seen, message.time)
        cell = message.time * SAMPLED_FPS // SECOND
        if message.time < self._start:
            self._late += 1
        elif cell not in self._frames or message.time < self._frames[cell][0]:
            self._frames[cell] = message.time, picture(message.payload)

    def _hear(self, message: Arrived) -> None:
        if len(message.payload) % 2:
            raise LiveError(
                f"sound has 2 bytes per sample, but a message has {len(message.payload)}; send whole samples"
            )
        samples = np.frombuffer(message.payload, "<i2").astype(np.float32) / 32768
        place = round((message.time - self._start) * SAMPLE_RATE / SECOND)
        if place < 0:
            self._late += place + len(samples) <= 0
            samples, place = samples[-place:], 0
        end = place + len(samples)
        if end > len(self._sound):  # what was not heard is silence
            self._sound = np.concatenate([self._sound, np.zeros(end - len(self._sound), np.float32)])
        self._sound[place:end] = samples
        self._heard = max(self._heard, message.time + len(samples) * SECOND // SAMPLE_RATE)

    def _passed(self, end: Microseconds) -> bool:
        if not self.began:
            return False
        streams = [stream for stream in (self._seen, self._heard) if stream >= 0]
        return min(streams) >= end or max(streams) >= end + GRACE

    def _close(self, end: Microseconds, *, last: bool) -> Footage:
        start, self._start = self._start, end
        inside = [one for _, one in sorted(self._frames.items()) if one[0] < end]
        self._frames = {cell: one for cell, one in self._frames.items() if one[0] >= end}
        times: Times = np.array([moment for moment, _ in inside], np.int64)
        until = FOREVER if last else end
        count = (end - start) * SAMPLE_RATE // SECOND
        sound, self._sound = self._sound[:count], self._sound[count:]
        if self._heard >= 0 and not last:
            sound = np.concatenate([sound, np.zeros(count - len(sound), np.float32)])
        return Footage(
            start,
            end,
            last=last,
            frames=Frames(times, tuple(image for _, image in inside), until),
            row_times=times,
            waveform=Waveform(sound, start, until),
            clip="live",
        )


def picture(content: bytes) -> NDArray[np.uint8]:
    """Decode a JPEG to [height, width, 3] RGB, at most `SIDE` long."""
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            size = image.width * image.height
            image.draft("RGB", (SIDE, SIDE))
            rgb = image.convert("RGB") if size <= PIXELS else None
    except Exception as error:
        raise LiveError("a frame is no JPEG that can be read; send baseline or progressive JPEG") from error
    if rgb is None:
        raise LiveError(f"a frame has {size} pixels, but at most {PIXELS} are taken; send smaller ones")
    rgb.thumbnail((SIDE, SIDE))
    return np.asarray(rgb, np.uint8)
