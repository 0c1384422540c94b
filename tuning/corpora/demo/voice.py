"""The voice of the demo corpus: espeak-ng, with pitch, rate, range and loudness that follow the expression.

espeak-ng (GPL-3, through the package espeakng-loader) only makes this sound; no part of the product uses it. Its
engine belongs to the process and may be called from one thread at a time. How feelings change a voice follows the
summary of Scherer, "Vocal communication of emotion", Speech Communication 40 (2003).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from tuning.corpora.corpus import Split
from tuning.corpora.demo.expressions import FPS, Signal, parts

RATE = 22_050
"""Samples per second that the engine gives."""
VOICES: Mapping[Split, tuple[str, ...]] = {
    "train": ("en-us+f1", "en-us+f3", "en-us+f5", "en-us+linda"),
    "dev": ("en-us+f2", "en-us+shelby"),
    "test": ("en-us+f4", "en-us+belinda", "en-us+steph"),
}
"""Variants of the American English voice; no split shares one."""


@dataclass(frozen=True, slots=True)
class Prosody:
    """How something is said, in the engine's units."""

    pitch: float  # 0 to 100
    spread: float  # pitch range, 0 to 100
    rate: float  # words per minute
    volume: float  # 100 is usual


PROSODY: Mapping[str, Prosody] = {
    "Neutral": Prosody(46, 35, 142, 85),
    "Anger": Prosody(46, 75, 160, 185),
    "Disgust": Prosody(22, 55, 116, 115),
    "Fear": Prosody(80, 22, 165, 70),
    "Happiness": Prosody(66, 92, 154, 125),
    "Sadness": Prosody(30, 8, 108, 38),
    "Surprise": Prosody(90, 98, 136, 140),
    "Other": Prosody(42, 14, 126, 62),
}
"""Typical prosody of the basic expressions; a compound lies between its two."""
_SPREAD = Prosody(5, 9, 6, 0.18)
"""Standard deviations from speaker to speaker and clip to clip; of the volume, as a share."""

_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def draw_prosody(state: str, rng: np.random.Generator) -> Prosody:
    """Draw how a state is said this time."""
    typical = [PROSODY[basic] for basic in parts(state)]

    def between(name: str) -> float:
        return float(np.mean([getattr(prosody, name) for prosody in typical]))

    return Prosody(
        float(np.clip(between("pitch") + rng.normal(0, _SPREAD.pitch), 5, 99)),
        float(np.clip(between("spread") + rng.normal(0, _SPREAD.spread), 3, 99)),
        float(np.clip(between("rate") + rng.normal(0, _SPREAD.rate), 105, 165)),
        float(np.clip(between("volume") * np.exp(rng.normal(0, _SPREAD.volume)), 25, 190)),
    )


def speak(sentences: Sequence[str], voice: str, prosody: Prosody) -> NDArray[np.float32]:
    """Say sentences one after another: samples [N] in [-1, 1] at `RATE`, without silence at the ends."""
    engine = _engine()
    said = [engine.say(sentence, voice, prosody) for sentence in sentences]
    pause = np.zeros(int(0.15 * RATE), np.float32)
    return np.concatenate([piece for sound in said for piece in (sound, pause)][:-1])


def jaw(sound: NDArray[np.float32], frames: int) -> Signal:
    """Return how loud a clip's voice is per video frame [F], relative to its own loudest, for the jaw."""
    hop = RATE / FPS
    edges = np.round(np.arange(frames + 1) * hop).astype(int).clip(0, len(sound))
    loud = np.array([np.sqrt(np.square(sound[start:end]).sum() / hop) for start, end in pairwise(edges)])
    peak = float(np.quantile(loud, 0.98))
    return np.clip(loud / peak, 0, 1).astype(np.float32) if peak > 1e-4 else np.zeros(frames, np.float32)


class _Engine:
    """The process's one espeak engine."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._collect)  # must stay referenced while the engine lives
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0) != RATE:
            raise RuntimeError("espeak-ng did not start; install espeakng-loader again")
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        if count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, sentence: str, voice: str, prosody: Prosody) -> NDArray[np.float32]:
        self._pieces.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}; name one of `VOICES`")
        settings = {_RATE: prosody.rate, _VOLUME: prosody.volume, _PITCH: prosody.pitch, _RANGE: prosody.spread}
        for parameter, value in settings.items():
            self._library.espeak_SetParameter(parameter, round(value), 0)
        text = sentence.encode() + b"\0"
        self._library.espeak_Synth(text, len(text), 0, 0, 0, 1, None, None)
        self._library.espeak_Synchronize()
        sound = np.concatenate(self._pieces) / np.float32(32768)
        loud = np.flatnonzero(np.abs(sound) > 1e-3)
        return np.asarray(sound[loud[0] : loud[-1] + 1], np.float32)


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    return _Engine()
