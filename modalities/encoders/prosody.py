"""How somebody speaks, measured: pitch, loudness, voice colour and rate, beside the log-mel spectrum.

Pitch and loudness are what a listener hears emotion by; a network for recognising words throws most of them away. All
is measured every 10 ms and averaged to ten steps per second; a summary of the whole sound stands beside each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torchaudio.transforms import MelSpectrogram

from modalities.config import Choice
from modalities.encoders.encoder import SoundEncoder
from modalities.native import one_at_a_time
from modalities.types import SAMPLE_RATE, SECOND, Array, Times

HOP, MELS = 160, 40
"""Samples from one measurement to the next (10 ms), and bands of the spectrum."""
LOWEST, HIGHEST = 65.0, 500.0
"""Pitch in Hz, from a low man's to an excited child's voice."""
VOICED = 0.6
"""Correlation of a sound with itself one period later from which it counts as voice."""
FLOOR = 1e-5
"""Amplitude (−100 dB) below which everything is silence."""
_FRAME = 1024
_WIDTH = 6 + MELS + 2 + 4 * 5 + MELS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prosody:
    """Measurements of a sound, F of them, one every 10 ms."""

    voiced: NDArray[np.bool_]  # [F]
    pitch: Floats  # [F] semitones above 100 Hz, 0 where not voiced
    loudness: Floats  # [F] dB of full scale
    brightness: Floats  # [F] spectral centroid in kHz
    tilt: Floats  # [F] dB that the spectrum rises per mel band
    onset: Floats  # [F] dB that the spectrum has become louder
    spectrum: Floats  # [F, 40] log-mel in dB

    @property
    def track(self) -> Floats:
        """What changes from step to step [F, 46].

        Pitch is relative to its median (0 where not voiced) and each band to its mean: of a voice and a microphone
        what stays the same says little about feeling, and much that misleads with few speakers to learn from.
        """
        relative = self.pitch - np.median(self.pitch[self.voiced]) if self.voiced.any() else self.pitch
        columns = (self.voiced, relative * self.voiced, self.loudness, self.brightness, self.tilt, self.onset)
        return np.column_stack([*columns, self.spectrum - self.spectrum.mean(axis=0)])

    @property
    def summary(self) -> Floats:
        """The whole sound [62]: share of voice, peaks per second, contours where there is voice, spread of bands."""
        heard = self.voiced if self.voiced.any() else np.ones_like(self.voiced)
        peaks = _librosa().util.peak_pick(
            self.onset, pre_max=3, post_max=3, pre_avg=10, post_avg=10, delta=0.5, wait=10
        )
        rates = (self.voiced.mean(), len(peaks) * SAMPLE_RATE / (len(self.onset) * HOP))
        lines = (self.pitch, self.loudness, self.brightness, self.tilt)
        return np.concatenate([rates, *(contour(line, heard) for line in lines), self.spectrum.std(axis=0)])


def contour(line: Floats, heard: NDArray[np.bool_]) -> Floats:
    """Mean, spread, range (5 to 95 %), slope per second and unsteadiness [5] of a line [F] where something is heard."""
    places = np.flatnonzero(heard)
    values, away = line[places], (places - places.mean()) * HOP / SAMPLE_RATE
    slope = away @ values / max(float(away @ away), 1e-2)
    steady = np.diff(places) == 1
    unsteadiness = np.abs(np.diff(values)[steady]).mean() if steady.any() else 0.0
    low, high = np.percentile(values, (5, 95))
    return np.array([values.mean(), values.std(), high - low, slope, unsteadiness])


@cache
def _librosa() -> ModuleType:
    """Import librosa, which takes seconds, for whoever measures: most who make a plan do not.

    It compiles meanwhile, and two processes that fill its cache together spoil it for good.
    """
    with one_at_a_time("librosa"):
        import librosa
        import librosa.onset
    return librosa


@cache
def _spectrum() -> MelSpectrogram:
    return MelSpectrogram(SAMPLE_RATE, n_fft=512, win_length=400, hop_length=HOP, n_mels=MELS)


def measure(samples: Array) -> Prosody:
    """Measure sound [N] (16 kHz, in [-1, 1]); one that is shorter than 64 ms is continued by silence."""
    sound = np.pad(samples.astype(np.float32), (0, max(0, _FRAME - len(samples))))
    librosa = _librosa()
    power = _spectrum()(torch.from_numpy(sound)).double().numpy() + FLOOR**2  # [40, F]
    spectrum = 10 * np.log10(power)
    volume = librosa.feature.rms(y=sound, frame_length=512, hop_length=HOP)[0].astype(np.float64)
    pitch = librosa.yin(sound, fmin=LOWEST, fmax=HIGHEST, sr=SAMPLE_RATE, frame_length=_FRAME, hop_length=HOP)
    voiced = (likeness(sound, SAMPLE_RATE / pitch) > VOICED) & (volume > max(volume.max() / 100, 10 * FLOOR))
    centres = librosa.mel_frequencies(MELS + 2, fmin=0, fmax=SAMPLE_RATE / 2, htk=True)[1:-1] / 1000
    bands = np.arange(MELS) - (MELS - 1) / 2
    return Prosody(
        voiced=voiced,
        pitch=12 * np.log2(pitch / 100) * voiced,
        loudness=20 * np.log10(volume + FLOOR),
        brightness=centres @ power / power.sum(axis=0),
        tilt=bands @ spectrum / (bands @ bands),
        onset=librosa.onset.onset_strength(S=spectrum, sr=SAMPLE_RATE, hop_length=HOP).astype(np.float64),
        spectrum=spectrum.T,
    )


def likeness(sound: NDArray[np.float32], period: Floats) -> Floats:
    """Correlation [F] of 32 ms of sound with what comes one period [F] (in samples) later."""
    half = _FRAME // 2
    frames = _librosa().util.frame(np.pad(sound, half), frame_length=_FRAME, hop_length=HOP, axis=0).astype(np.float64)
    places = np.arange(half // 2, half // 2 + half)
    now = frames[:, places]
    later = np.take_along_axis(frames, places + np.round(period)[:, None].astype(np.int64), axis=1)
    energy = np.sqrt((now**2).sum(axis=1) * (later**2).sum(axis=1))
    alike: Floats = (now * later).sum(axis=1) / (energy + FLOOR)
    return alike


def average(values: Array, middles: Array, steps: int, length: float) -> Floats:
    """Average measurements [F, E], taken at `middles` [F], over spans of a `length`; the last span takes the rest.

    A span in which nothing was measured takes the next measurement, or the last there is.
    """
    edges = np.searchsorted(middles, np.arange(steps + 1) * length)
    edges[-1] = len(values)
    first = np.minimum(edges[:-1], len(values) - 1)
    last = np.maximum(edges[1:], first + 1)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    means: Floats = (sums[last] - sums[first]) / (last - first)[:, None]
    return means


class ProsodyEncoder(SoundEncoder):
    """Steps of pitch, loudness, voice colour and log-mel, each beside a summary of the whole sound."""

    name: ClassVar[str] = "prosody"

    class Config(SoundEncoder.Config):
        """Steps per second."""

        rate: Annotated[int, Choice((5, 10, 20))] = Field(10, ge=1, le=50)

    config: Config
    width: int = _WIDTH

    def encode(self, inputs: Array) -> NDArray[np.float32]:
        """Turn sound [N] into steps [T, E]: at least one, and finite whatever is heard."""
        steps, prosody = self.steps(inputs), measure(inputs)
        middles = HOP * np.arange(len(prosody.voiced))
        track = average(prosody.track, middles, steps, SAMPLE_RATE / self.config.rate)
        return np.hstack([track, np.tile(prosody.summary, (steps, 1))]).astype(np.float32)

    def steps(self, samples: Array) -> int:
        """T of a sound [N]."""
        return max(1, len(samples) * self.config.rate // SAMPLE_RATE)

    def times(self, steps: int) -> Times:
        """Middle of each step [T] in microseconds after the sound's start."""
        return (2 * np.arange(steps, dtype=np.int64) + 1) * SECOND // (2 * self.config.rate)
