"""Speech in words: how much, how loud, how fast, how high, how lively."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from modalities.encoders.prosody import HOP, Prosody, measure
from modalities.types import SAMPLE_RATE, Segment, Speech, Waveform

SILENT, BRIEF, THROUGHOUT = 0.05, 0.3, 0.85
"""Shares of a segment in which somebody speaks."""
SHORTEST, LONG_ENOUGH = 0.5, 1.2
"""Seconds of speech whose manner is told at all, and whose rate is."""
Band = tuple[float, float]
LOUDNESS: Band = (-27.0, -17.5)
"""Of speech, dB of full scale (root mean square): below, it is quiet, above, loud."""
RATE: Band = (3.0, 4.3)
"""Peaks of loudness per second, about as many as syllables: slow, quick."""
PITCH: Band = (4.0, 15.5)
"""Median, in semitones above 100 Hz: a low voice (below 126 Hz), a high one (above 245 Hz)."""
MELODY: Band = (1.8, 5.5)
"""Semitones between the 20 % and the 80 % quantile of the pitch: even, lively."""
SYLLABLE, DIP, DEPTH = 8, 2.0, 18.0
"""A peak of loudness: hops (10 ms) to the next one, dB above the dips around it, dB at most below the loudest."""


def describe_voice(waveform: Waveform, speech: Speech, segment: Segment) -> str:
    """Tell of the speech in a segment; empty where there is no sound at all."""
    if not len(waveform.cut(segment.start, segment.end)):
        return ""
    share = speech.share(segment.start, segment.end)
    if share < SILENT:
        return "no speech"
    amount = ["brief"] if share < BRIEF else ["constant"] if share >= THROUGHOUT else []
    spans = np.clip(speech.spans, segment.start, segment.end).tolist()
    manner, voice = _manner(np.concatenate([waveform.cut(start, end) for start, end in spans]))
    return " ".join([*amount, *([" and ".join(manner)] if manner else []), "speech", *voice])


def _manner(sound: NDArray[np.float32]) -> tuple[list[str], list[str]]:
    """How it is said, of speech [N] without its pauses: adjectives, and what the voice is like."""
    length = len(sound) / SAMPLE_RATE
    if length < SHORTEST:
        return [], []
    loudness = 10 * np.log10(float(np.square(sound, dtype=np.float64).mean()) + 1e-10)
    prosody = measure(sound)
    manner = _beyond(loudness, LOUDNESS, ("quiet", "loud"))
    if length >= LONG_ENOUGH:
        manner += _beyond(_rate(prosody), RATE, ("slow", "quick"))
    return manner, _voice(prosody.pitch[prosody.voiced])


def _voice(pitch: NDArray[np.float64]) -> list[str]:
    """What a voice is like, of its pitch wherever it has one."""
    if len(pitch) * HOP / SAMPLE_RATE < SHORTEST / 2:
        return []
    low, middle, high = np.quantile(pitch, (0.2, 0.5, 0.8)).tolist()
    return [
        *_beyond(middle, PITCH, ("in a low voice", "in a high voice")),
        *_beyond(high - low, MELODY, ("on an even pitch", "with a lively melody")),
    ]


def _rate(prosody: Prosody) -> float:
    """Count peaks of loudness per second."""
    kernel = np.hanning(11)[1:-1]
    heard = np.convolve(10 ** (prosody.loudness / 20), kernel / kernel.sum(), "same")
    level = 20 * np.log10(heard)
    least = float(np.quantile(level, 0.95)) - DEPTH
    peaks, _ = find_peaks(level, height=least, distance=SYLLABLE, prominence=DIP)
    return len(peaks) * SAMPLE_RATE / (len(level) * HOP)


def _beyond(value: float, band: Band, phrases: tuple[str, str]) -> list[str]:
    return [phrases[0]] if value < band[0] else [phrases[1]] if value > band[1] else []
