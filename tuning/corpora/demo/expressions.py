"""What a face does in one clip: which action units, how strongly, when; and the labels that follow from it.

Which action units make an expression follows Table 1 of Du, Tao & Martinez, "Compound facial expressions of emotion",
PNAS 111 (2014): those with share 1 are the prototypical ones. Others are shown by some people only; where the shares
differ from theirs they are chosen so that all twelve labelled units are seen often enough. "Other" has no table: it is
one of two mixtures that belong to none of the rest. Onset, apex and offset are those of the Facial Action Coding
System.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modalities.labels import ABAW_PAIRS, ACTION_UNITS, COMPOUND, EXPRESSION
from modalities.types import Scores
from tuning.corpora.demo import muscles

FPS = 25
UNITS = tuple(muscles.ACTION_UNITS)
"""Columns of every array of intensities."""
STATES = (*EXPRESSION.labels, *COMPOUND.labels)
"""The fifteen: eight basic expressions and seven compounds."""
THRESHOLD = 0.3
"""Below this share of the apex a frame is Neutral; from this intensity on an action unit is labelled."""

Recipe = Mapping[str, float]
Signal = NDArray[np.float32]

RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "Neutral": ({},),
    "Happiness": ({"AU12": 1, "AU25": 1, "AU6": 0.9},),
    "Sadness": ({"AU4": 1, "AU15": 1, "AU1": 0.85, "AU6": 0.4, "AU17": 0.35},),
    "Fear": ({"AU1": 1, "AU4": 1, "AU20": 1, "AU25": 1, "AU2": 0.4, "AU5": 0.63, "AU26": 0.25},),
    "Anger": ({"AU4": 1, "AU7": 1, "AU24": 1, "AU10": 0.15, "AU17": 0.2, "AU23": 0.35},),
    "Surprise": ({"AU1": 1, "AU2": 1, "AU25": 1, "AU26": 1, "AU5": 0.66},),
    "Disgust": ({"AU9": 1, "AU10": 1, "AU17": 1, "AU4": 0.3, "AU7": 0.4},),
    "Other": (
        {"AU2": 1, "AU23": 1, "AU17": 0.5},
        {"AU1": 1, "AU2": 1, "AU23": 1, "AU15": 0.5},
    ),
    "Fearfully Surprised": ({"AU1": 1, "AU2": 1, "AU5": 1, "AU20": 1, "AU25": 1, "AU4": 0.47, "AU10": 0.35,
                             "AU26": 0.51},),
    "Happily Surprised": ({"AU1": 1, "AU2": 1, "AU12": 1, "AU25": 1, "AU5": 0.64, "AU6": 0.3, "AU26": 0.67},),
    "Sadly Surprised": ({"AU1": 1, "AU4": 1, "AU25": 1, "AU26": 1, "AU2": 0.27, "AU6": 0.31, "AU15": 0.5},),
    "Disgustedly Surprised": ({"AU1": 1, "AU2": 1, "AU5": 1, "AU10": 1, "AU4": 0.45, "AU9": 0.37, "AU17": 0.66,
                               "AU24": 0.33},),
    "Angrily Surprised": ({"AU4": 1, "AU25": 1, "AU26": 1, "AU5": 0.35, "AU7": 0.5, "AU10": 0.34},),
    "Sadly Fearful": ({"AU1": 1, "AU4": 1, "AU20": 1, "AU25": 1, "AU2": 0.46, "AU5": 0.24, "AU6": 0.34,
                       "AU15": 0.5},),
    "Sadly Angry": ({"AU4": 1, "AU15": 1, "AU6": 0.26, "AU7": 0.6, "AU17": 0.3, "AU24": 0.6, "AU23": 0.3},),
}  # fmt: skip
"""State → the mixtures it may be; each action unit with the share of clips that show it."""

CIRCUMPLEX: Mapping[str, tuple[float, float]] = {
    "Neutral": (0.0, 0.0), "Anger": (-0.60, 0.70), "Disgust": (-0.65, 0.30), "Fear": (-0.55, 0.80),
    "Happiness": (0.80, 0.40), "Sadness": (-0.75, -0.40), "Surprise": (0.25, 0.75), "Other": (-0.15, -0.30),
}  # fmt: skip
"""Valence and arousal at the apex, after Russell's circumplex (1980); a compound lies between its two."""

_MISSED = 0.04
"""Share of prototypical action units that a clip leaves out."""
_IDLE = 0.12
"""Largest movement of an action unit that has nothing to do."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When the expression begins, is reached, is left and is gone, in seconds; and how long the clip is."""

    onset: float
    apex: float
    offset: float
    gone: float
    duration: float

    @property
    def frames(self) -> int:
        """Number of frames of the clip."""
        return round(self.duration * FPS)


@dataclass(frozen=True, slots=True)
class Performance:
    """A clip's movements and their envelope."""

    envelope: Signal  # [F], share of the apex
    intensities: Signal  # [F, len(UNITS)] in [0, 1]
    blinks: Signal  # [F], 1 = closed


def parts(state: str) -> tuple[str, ...]:
    """Return the basic expressions of a state: itself, or the two of a compound."""
    return ABAW_PAIRS.get(state, (state,))


def draw_timing(speech: float, rng: np.random.Generator) -> Timing:
    """Draw onset, apex and offset so that `speech` seconds fit; a clip lasts 4 to 8 s."""
    onset, rise, fall, rest = rng.uniform((0.25, 0.4, 0.4, 0.3), (0.7, 0.8, 0.8, 0.6))
    plateau = min(max(speech + 0.2, rng.uniform(2.4, 3.6)), 7.9 - onset - rise - fall - rest)
    offset = onset + rise + plateau
    return Timing(onset, onset + rise, offset, offset + fall, max(4.0, offset + fall + rest))


def perform(state: str, timing: Timing, jaw: Signal, rng: np.random.Generator) -> Performance:
    """Act one clip; `jaw` [F] in [0, 1] is how loud the voice is, which opens the mouth a little."""
    times = np.arange(timing.frames) / FPS
    envelope = _envelope(times, timing, 0.0)
    strength = rng.uniform(0.7, 1.0)
    wave = 1 - rng.uniform(0.0, 0.3) * np.sin(np.pi * rng.uniform(0.2, 0.6) * times + rng.uniform(0, np.pi)) ** 2
    intensities = rng.uniform(0, _IDLE, len(UNITS)) * _drift(times, len(UNITS), rng)
    recipe = RECIPES[state][int(rng.integers(len(RECIPES[state])))]
    for unit, share in recipe.items():
        peak, late = min(1.0, strength * rng.uniform(0.8, 1.2)), rng.uniform(-0.12, 0.12)
        if rng.random() < min(share, 1 - _MISSED):
            column = UNITS.index(unit)
            intensities[:, column] = np.maximum(intensities[:, column], peak * wave * _envelope(times, timing, late))
    for unit, opening in (("AU25", 0.30), ("AU26", 0.20)):
        intensities[:, UNITS.index(unit)] += opening * jaw
    return Performance(envelope, np.clip(intensities, 0, 1).astype(np.float32), _blinks(times, rng))


def label(state: str, acted: Performance, rng: np.random.Generator) -> dict[str, Scores]:
    """Return the labels of all four tasks per frame: expression, compound, valence_arousal, action_units."""
    shown = acted.envelope >= THRESHOLD
    frames = len(shown)
    expression = np.zeros((frames, len(EXPRESSION.labels)), np.float32)
    compound = np.full((frames, len(COMPOUND.labels)), np.nan, np.float32)
    basics = parts(state)
    for basic in basics:
        expression[shown, EXPRESSION.labels.index(basic)] = 1 / len(basics)
    expression[~shown] = np.eye(len(EXPRESSION.labels), dtype=np.float32)[EXPRESSION.labels.index("Neutral")]
    if state in COMPOUND.labels.names:
        compound[shown] = np.eye(len(COMPOUND.labels), dtype=np.float32)[COMPOUND.labels.index(state)]
    point = np.mean([CIRCUMPLEX[basic] for basic in basics], axis=0)
    calm = rng.normal(0, 0.02, 2)
    feeling = np.clip(acted.envelope[:, None] * point + calm, -1, 1).astype(np.float32)
    units = acted.intensities[:, [UNITS.index(unit) for unit in ACTION_UNITS.labels]] >= THRESHOLD
    return {
        "expression": expression,
        "compound": compound,
        "valence_arousal": feeling,
        "action_units": units.astype(np.float32),
    }


def _envelope(times: NDArray[np.float64], timing: Timing, late: float) -> Signal:
    """Share of the apex [F]: smooth rise, plateau, smooth fall."""

    def step(start: float, end: float) -> NDArray[np.float64]:
        part = np.clip((times - late - start) / (end - start), 0, 1)
        return np.asarray(part * part * (3 - 2 * part))

    return (step(timing.onset, timing.apex) * (1 - step(timing.offset, timing.gone))).astype(np.float32)


def _drift(times: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Slow idle movements [F, count] in [0, 1]."""
    speed, phase = rng.uniform(0.1, 0.4, count), rng.uniform(0, 2 * np.pi, count)
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * speed * times[:, None] + phase))


def _blinks(times: NDArray[np.float64], rng: np.random.Generator) -> Signal:
    """Lids closing for a fifth of a second, every two to five seconds [F]."""
    closed = np.zeros(len(times))
    moment = rng.uniform(0.3, 2.5)
    while moment < times[-1]:
        closed = np.maximum(closed, np.clip(1.2 - np.abs(times - moment) / 0.1, 0, 1))
        moment += rng.uniform(2.0, 5.0)
    return closed.astype(np.float32)
