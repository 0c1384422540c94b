"""The Recognizer on clips of real people: does it read them all, find the faces, keep time, and hear the words?

    python -m benchmarks.clips --data FOLDER/clips [--asr FOLDER/asr] [--bundle runs/demo/bundle]

FOLDER/clips holds `labels.csv` and the files that it lists; FOLDER/asr holds `references.json` and its recordings.
Every figure has its own witness: faces by what the list says of each clip, times by demuxing alone, words by the
sentence that a GRID file's name spells. A name goes no further than that: the Recognizer calls every clip `clip`.

The accuracy on clips whose emotion is stated has no aim. The bundle was not trained on them, nor on any real person.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from pathlib import Path

import av
import numpy as np
from rich.progress import track

from benchmarks.faceless import pictures
from benchmarks.words import ONES, word_error_rate
from ensemble import bundle
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.types import FOREVER, SECOND, Clip, Faces, Frames, Mask, Segment, Times

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
        return (self.timeline.end - self.timeline.start) / SECOND if self.timeline else 0.0

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


# ----------------------------------------------------------------------------------------------------------- witnesses


def times_by_demuxing(path: Path) -> Times:
    """Return when the video frames of a file are shown [F], in µs after its origin, without decoding any."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin, base = container.start_time or 0, stream.time_base or 1
        packets = [packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard]
        return np.array(sorted(round(packet.pts * base * SECOND) - origin for packet in packets), np.int64)


def faces_where_none_are(recognizer: Recognizer) -> list[bool]:
    """Look at pictures without a face, each as footage of one frame; say of each whether a face was found."""
    cue = next(cue for cue in recognizer.plan.cues.values() if issubclass(cue.gives, Faces))
    found = []
    for picture in pictures():
        frame = Frames(np.zeros(1, np.int64), (picture,), FOREVER)
        faces, _ = cue.perceive({"frames": frame}, [Segment(0, SECOND // 5)], None)
        found.append(isinstance(faces, Faces) and len(faces) > 0)
    return found


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    share, spread = right / count, z * z / count
    centre, half = share + spread / 2, z * sqrt(share * (1 - share) / count + spread / (4 * count))
    return (centre - half) / (1 + spread), (centre + half) / (1 + spread)


# ------------------------------------------------------------------------------------------------------------- figures


def figures_of_faces(seen: Sequence[Seen], elsewhere: Sequence[bool]) -> dict[str, float]:
    """How often a face is found where there is one, and where there is none."""
    there = np.concatenate([one.with_face for one in seen if one.listed.face_share == 1])
    absent = np.concatenate([one.with_face for one in seen if one.listed.face_share == 0] + [np.array(elsewhere, bool)])
    return {
        "face_recall": float(there.mean()),
        "face_recall_n": len(there),
        "face_false_rate": float(absent.mean()),
        "face_false_n": len(absent),
    }


def figures_of_times(seen: Sequence[Seen]) -> dict[str, float]:
    """How far rows are from the times of their frames; a file that ends too early has fewer rows, and says so."""
    worst, rows, packets, unexplained = 0, 0, 0, 0
    for one in seen:
        shown = times_by_demuxing(one.listed.path)
        times = one.timeline.rows.times if one.timeline else shown[:0]
        count = min(len(times), len(shown))
        worst = max(worst, int(np.abs(times[:count] - shown[:count]).max(initial=0)))
        rows, packets = rows + len(times), packets + len(shown)
        unexplained += 0 if one.trouble else abs(len(times) - len(shown))
    return {"time_error_ms_max": worst / 1000, "rows": rows, "frames": packets, "rows_unexplained": unexplained}


def figures_of_accuracy(seen: Sequence[Seen]) -> dict[str, float]:
    """How often the stated emotion is the one with the highest mean, with a 95 % interval."""
    stated = [one for one in seen if one.listed.label in MEANT]
    right = sum(one.expression == MEANT[one.listed.label] for one in stated)
    low, high = wilson(right, len(stated))
    return {"accuracy": right / len(stated), "accuracy_n": len(stated), "accuracy_low": low, "accuracy_high": high}


def asr_word_error_rate(recognizer: Recognizer, folder: Path) -> float:
    """Recognise recordings without a picture; compare with what was said in them."""
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    listed = [(Listed(folder / one["file"], one["set"], "", 0.0), one["text"]) for one in references]
    return word_error_rate((text, watch(recognizer, one).text) for one, text in listed)
