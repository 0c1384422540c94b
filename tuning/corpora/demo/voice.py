"""The voice of the demo corpus: espeak-ng, with pitch, rate, range and loudness that follow the expression.

espeak-ng (GPL-3, through the package espeakng-loader) only makes this sound, as a program of its own; no part of the
product uses it. How feelings change a voice follows the summary of Scherer, "Vocal communication of emotion", Speech
Communication 40 (2003).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuning.corpora.corpus import Split
from tuning.corpora.demo import espeak
from tuning.corpora.demo.expressions import FPS, Signal, parts

RATE = espeak.SAMPLES_PER_SECOND
VOICES: Mapping[Split, tuple[str, ...]] = {
    "train": ("en-us+f1", "en-us+f3", "en-us+f5", "en-us+shelby"),
    "dev": ("en-us+Annie", "en-us+grandma"),
    "test": ("en-us+f2", "en-us+f4", "en-us+aunty"),
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

_PROGRAM = Path(espeak.__file__)


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
    settings = (prosody.rate, prosody.volume, prosody.pitch, prosody.spread)
    command = [sys.executable, "-I", str(_PROGRAM), voice, *(str(round(value)) for value in settings)]
    run = subprocess.run(command, input=" ".join(sentences).encode(), capture_output=True, check=False)
    if run.returncode:
        reason = (run.stderr.decode(errors="replace").strip() or "no reason given").splitlines()[-1]
        raise RuntimeError(f"espeak-ng could not speak with the voice {voice!r} ({reason}); reinstall espeakng-loader")
    sound = np.frombuffer(run.stdout, np.int16) / np.float32(32768)
    loud = np.flatnonzero(np.abs(sound) > 1e-3)
    return np.asarray(sound[loud[0] : loud[-1] + 1], np.float32)


def jaw(sound: NDArray[np.float32], frames: int) -> Signal:
    """Return how loud a clip's voice is per video frame [F], relative to its own loudest, for the jaw."""
    hop = RATE / FPS
    edges = np.round(np.arange(frames + 1) * hop).astype(int).clip(0, len(sound))
    loud = np.array([np.sqrt(np.square(sound[start:end]).sum() / hop) for start, end in pairwise(edges)])
    peak = float(np.quantile(loud, 0.98))
    return np.clip(loud / peak, 0, 1).astype(np.float32) if peak > 1e-4 else np.zeros(frames, np.float32)
