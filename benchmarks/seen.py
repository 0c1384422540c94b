"""Clips of a list, and what the Recognizer made of them.

    seen = [watch(recognizer, one) for one in read_list(folder)]

`labels.csv` in the folder says of each file which set it is from, the emotion if one is stated, and in which share of
the frames a face is seen.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.words import ONES
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.types import Clip, Mask, seconds

GRID_SET = "grid_lipnet"
GRID_WORDS: Sequence[Mapping[str, str]] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    {"z": "zero", **{str(digit): ONES[digit] for digit in range(1, 10)}},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
"""What each letter of a file's name stands for (Cooke et al., 2006, table 1): bbaf2n is "bin blue at f two now"."""
MEANT: Mapping[str, str] = {
    "angry": "Anger",
    "disgusted": "Disgust",
    "fear": "Fear",
    "happy": "Happiness",
    "neutral": "Neutral",
    "sad": "Sadness",
    "surprised": "Surprise",
}
"""What the list calls an emotion → our label. Contempt is none of ours."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip of the list, and what the list says of it."""

    path: Path
    group: str
    label: str
    face_share: float

    @property
    def said(self) -> str:
        """The sentence that a GRID file's name spells."""
        return " ".join(words[letter] for words, letter in zip(GRID_WORDS, self.path.stem, strict=True))


@dataclass(frozen=True, slots=True)
class Seen:
    """A clip, and what the Recognizer made of it."""

    listed: Listed
    timeline: Timeline | None  # none where it failed
    trouble: str
    seconds: float

    @property
    def with_face(self) -> Mask:
        """Whether a face was found, of every frame in which a detector ran [F]."""
        if self.timeline is None:
            return np.zeros(0, np.bool_)
        sightings = self.timeline.sightings
        return np.isin(sightings.looked[sightings.ran], sightings.times[sightings.detected])

    @property
    def duration(self) -> float:
        """Seconds of the clip that were recognised."""
        return seconds(self.timeline.end - self.timeline.start) if self.timeline else 0.0

    @property
    def text(self) -> str:
        """What was heard."""
        transcript = self.timeline.transcript if self.timeline else None
        return " ".join(word.text for word in transcript.words) if transcript else ""

    @property
    def expression(self) -> str:
        """The label with the highest mean over rows, of those that can be meant; empty where nothing was said."""
        if self.timeline is None:
            return ""
        labels, scores = self.timeline.tasks["expression"].labels, self.timeline.rows.scores["expression"]
        said = ~np.isnan(scores)
        means = np.where(said, scores, 0).sum(axis=0) / np.maximum(said.sum(axis=0), 1)
        return max(MEANT.values(), key=lambda name: means[labels.index(name)]) if said.any() else ""


def read_list(folder: Path) -> list[Listed]:
    """Return the clips of `labels.csv`."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as table:
        return [
            Listed(folder / row["file"], row["set"], row["label"], float(row["face_share"]))
            for row in csv.DictReader(table)
        ]


def watch(recognizer: Recognizer, listed: Listed) -> Seen:
    """Recognise a clip; whatever goes wrong is a result."""
    began = time.perf_counter()
    try:
        timeline = recognizer.predict(Clip.of(listed.path, name="clip"))
    except Exception as error:  # noqa: BLE001  a failure of any kind is what is counted here
        return Seen(listed, None, f"{type(error).__name__}: {error}", time.perf_counter() - began)
    return Seen(listed, timeline, "; ".join(timeline.problems), time.perf_counter() - began)
