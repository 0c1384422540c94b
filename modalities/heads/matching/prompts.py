"""Prompts: the texts that stand for a label when pictures are compared with words.

RAS compares with one bare word per label (`src/video/clip_video_features.py`); sentences are nearer to what a CLIP was
trained on, and the mean of several is steadier than each (Radford et al., 2021, §3.1.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TEMPLATES = (
    "a photo of a person who looks {}",
    "a close-up of a face that looks {}",
    "somebody who seems to be {}",
)
WORDS: Mapping[str, tuple[str, ...]] = {
    "Neutral": ("neutral", "calm"),
    "Anger": ("angry", "furious"),
    "Disgust": ("disgusted", "repelled"),
    "Fear": ("fearful", "afraid"),
    "Happiness": ("happy", "joyful"),
    "Sadness": ("sad", "unhappy"),
    "Surprise": ("surprised", "astonished"),
    "Other": ("bored", "doubtful", "embarrassed"),  # what annotators call other: no word says just that
}
"""Basic expression → adjectives; a compound's name is its own ("happily surprised")."""


def prompts_for(labels: Iterable[str], given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the texts of each label: those that are given, else the templates with the label's own words.

    Raises ValueError where a label is given no text, or an empty one, or where no such label is spoken.
    """
    labels = list(labels)
    if unknown := sorted(given.keys() - set(labels)):
        raise ValueError(f"there are prompts for {', '.join(unknown)}, but the labels are {', '.join(labels)}")
    if empty := sorted(label for label, texts in given.items() if not texts or not all(map(str.strip, texts))):
        raise ValueError(f"{', '.join(empty)} has no prompt or an empty one; give one text or more, or leave it out")
    return {label: given.get(label) or _default(label) for label in labels}


def _default(label: str) -> tuple[str, ...]:
    words = WORDS.get(label, (label.lower(),))
    return tuple(template.format(word) for template in TEMPLATES for word in words)
