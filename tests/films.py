"""A clip in memory, to be cut into stretches of any length: coloured squares for faces, tones for voices."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import av
import numpy as np

from modalities.types import FOREVER, SAMPLE_RATE, SAMPLED_FPS, SECOND, Footage, Frames, Waveform

PEOPLE = 2


@dataclass(frozen=True)
class Film:
    """A clip before it is cut into stretches."""

    times: np.ndarray  # [F] presentation times of video frames, irregular
    images: tuple[np.ndarray, ...]
    samples: np.ndarray  # [N], 16 kHz
    end: int
    segments: tuple[Any, ...] | None = None

    def stretches(self, length):
        """Decode in stretches of this many microseconds; `None` for all at once."""
        edges = [0, *range(length, self.end, length), self.end] if length else [0, self.end]
        return [self._stretch(start, end) for start, end in pairwise(edges)]

    def _stretch(self, start, end):
        last = end == self.end
        until = FOREVER if last else end
        shown = (self.times >= start) & (self.times < end)
        cells = self.times * SAMPLED_FPS // SECOND
        sampled = np.flatnonzero(shown & (np.diff(cells, prepend=-1) > 0))
        first, stop = (-(-edge * SAMPLE_RATE // SECOND) for edge in (start, end))
        return Footage(
            start=start,
            end=end,
            last=last,
            frames=Frames(self.times[sampled], tuple(self.images[i] for i in sampled), until),
            row_times=self.times[shown],
            waveform=Waveform(self.samples[first:stop], first * SECOND // SAMPLE_RATE, until),
            segments=self.segments,
            clip="film",
        )


def film(seconds=12.3, *, people=PEOPLE, sound=True, seed=0):
    """Make a clip: irregular frame times, two people, tones.

    The first person leaves for two seconds, the second comes later, and grows; in the middle it is silent.
    """
    rng = np.random.default_rng(seed)
    end = round(seconds * SECOND)
    gaps = rng.choice([16_667, 33_367, 33_367, 50_050, 120_000], size=int(seconds * 40))
    times = np.cumsum(gaps, dtype=np.int64) - gaps[0]
    times = times[times < end - 10_000]
    images = tuple(_image(float(time) / SECOND, seconds, people) for time in times)
    samples = _tones(seconds, rng) if sound else np.zeros(0, np.float32)
    return Film(times, images, samples, end)


def write(film, path, *, scale=8, codec="mpeg4"):
    """Write a film as a file, each of its pixels so many wide; returns the file."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        height, width, _ = film.images[0].shape
        video.width, video.height, video.pix_fmt = width * scale, height * scale, "yuv420p"
        for image in film.images:
            large = np.kron(image, np.ones((scale, scale, 1), np.uint8))
            container.mux(video.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        sound = av.AudioFrame.from_ndarray(film.samples[None], format="fltp", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def _image(time, seconds, people):
    image = np.zeros((18, 32, 3), np.uint8)
    light = int(150 + 80 * np.sin(1.7 * time))
    if people > 0 and not seconds * 0.4 < time < seconds * 0.4 + 2:
        image[4:12, 2:10, 1] = light
    if people > 1 and time > seconds * 0.2:
        size = 4 if time < seconds * 0.7 else 14
        image[2 : 2 + size, 14 : 14 + size, 0] = 255 - light // 2
    return image


def _tones(seconds, rng):
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    time = 0.35
    while time < seconds - 0.3:
        length = rng.uniform(0.15, 0.9)
        pitch = rng.choice([150.0, 900.0])
        first, stop = int(time * SAMPLE_RATE), int(min(time + length, seconds) * SAMPLE_RATE)
        samples[first:stop] = 0.5 * np.sin(2 * np.pi * pitch * np.arange(stop - first) / SAMPLE_RATE)
        time += length + rng.choice([0.1, 0.4, 1.6])
        if seconds * 0.45 < time < seconds * 0.85:
            time = seconds * 0.85
    return samples
