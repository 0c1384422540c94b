"""A face in words: which muscles are moved, how strongly, on which side, and what changes on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modalities.cues.caption.measured.rule import Rule
from modalities.cues.caption.measured.rules import RULES
from modalities.cues.caption.measured.signals import read_signals
from modalities.types import Faces, Mask, Scores, Segment, seconds

AT_REST = "face at rest"
BLINKS = "blinking often"
MOST = 4
"""Movements that are told of, so that a caption stays short: of more, those weaker than the fourth are left out."""
CLEAR = 2
"""By how many degrees the halves of a segment must differ for it to be a change."""
FEWEST = 3
"""Frames that a half needs before the halves are compared."""
LOPSIDED = 0.2
"""Difference of the sides, as a blendshape, from which one moves alone."""
CLOSED, OFTEN = 0.4, 0.7
"""Blendshape of a closed lid; blinks per second that are many, at 5 frames per second."""


def describe_face(faces: Faces, segment: Segment) -> tuple[list[str], list[str]]:
    """Tell of one person's face in a segment: what it shows (at least one phrase), and what changes.

    `faces`: its rows, at least one.
    """
    signals = read_signals(faces)
    early = faces.times < segment.middle
    halves = [_take(signals, rows) for rows in (early, ~early) if rows.sum() >= FEWEST]
    found = {rule: _levels(rule, signals, halves) for rule in RULES}
    least = sorted((max(levels) for levels in found.values()), reverse=True)[MOST - 1]
    shown = {rule: max(levels) for rule, levels in found.items() if max(levels) >= max(1, least)}
    phrases = [phrase for rule, level in shown.items() for phrase in _words(rule, level, signals)]
    changes = [phrase for rule, (_, *levels) in found.items() for phrase in _change(rule, levels)]
    blinking = [BLINKS] if blinks(signals["eyeBlink"]) >= OFTEN * seconds(segment.duration) else []
    return (phrases or [AT_REST]) + blinking, changes


def _levels(rule: Rule, signals: Mapping[str, Scores], halves: Sequence[Mapping[str, Scores]]) -> list[int]:
    """Degrees in the whole, and in both halves where they can be compared."""
    return [rule.level(signals), *([rule.level(half) for half in halves] if len(halves) == 2 else [])]


def blinks(lids: Scores) -> int:
    """Count how often lids [N] that were open are closed."""
    closed = lids >= CLOSED
    return int((closed[1:] & ~closed[:-1]).sum())


def _words(rule: Rule, level: int, signals: Mapping[str, Scores]) -> list[str]:
    found = [rule.phrases[level - 1]]
    if rule.one_side is not None:
        name, phrase = rule.one_side
        gap = np.median(signals[f"{name}Left"]) - np.median(signals[f"{name}Right"])
        found += [phrase] if abs(gap) >= LOPSIDED else []
    return found


def _change(rule: Rule, levels: Sequence[int]) -> list[str]:
    rise = levels[1] - levels[0] if levels else 0
    phrase = rule.comes if rise > 0 else rule.goes
    return [phrase] if phrase and abs(rise) >= CLEAR else []


def _take(signals: Mapping[str, Scores], rows: Mask) -> dict[str, Scores]:
    return {name: values[rows] for name, values in signals.items()}
