"""What is written: the JSON fits its schema, CSV equals Parquet, the ABAW rules equal the golden vectors, pictures are."""

import json
import math
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from skimage.data import astronaut

import ensemble
from ensemble.grid import FRAMES, Grid, cut
from ensemble.mapping import normalise
from ensemble.opinions import Opinions
from ensemble.timeline import Timeline, Verdict
from ensemble.tracks import Sightings
from ensemble.write import (
    SCHEMA,
    Crop,
    Digest,
    Origin,
    document,
    moments,
    picture,
    ras_classes,
    ras_frames,
    reference_frames,
    submission,
    table,
    write_csv,
    write_document,
    write_parquet,
    write_picture,
)
from ensemble.write.picture.columns import Columns
from ensemble.write.crops import square
from ensemble.write.whole import whole
from modalities.labels import ABAW_PAIRS, EXPRESSION, tasks
from modalities.types import SECOND, Segment, Speech, Transcript, Word

ROOT = Path(ensemble.__file__).parents[1]
GOLDEN = Path(os.environ.get("TWOFOLD_GOLDEN") or ROOT.parent / "shared" / "data" / "golden" / "golden.json")
ORIGIN = Origin("bundle", "0" * 64, {"torch": "2"}, ABAW_PAIRS)
MEMBERS = ("face.static", "face.transformer", "audio.pool", "text.pool")


@dataclass
class Film:
    """A clip as a test wants it; times in seconds. `seen` is (from, to) of a face, `silent` is where no member speaks."""

    name: str = "clip.mp4"
    length: float = 12.0
    fps: float = 25.0
    seen: tuple[tuple[float, float], ...] = ((0.0, 6.0), (8.0, 12.0))
    speech: tuple[tuple[float, float], ...] = ((1.0, 3.0), (5.0, 9.5))
    words: str = "I did not think that you would really come back here today"
    silent: tuple[float, float] = (0.0, 0.0)
    looked: bool = True
    grid: Grid = FRAMES

    @property
    def end(self):
        return round(self.length * SECOND)

    def timeline(self):
        sightings = self._sightings()
        segments = []
        for start, end in cut(self.end, self.grid):
            segments.append(Segment(start, end))
            segments += [Segment(start, end, track) for track in sightings.tracks_in(start, end)]
        verdict = self._verdict(tuple(segments))
        times = np.round(np.arange(max(1, int(self.length * self.fps))) / self.fps * SECOND).astype(np.int64)
        tracks = np.full(len(times), -1, np.int64)
        for track, (start, end) in enumerate(self.seen):
            tracks[(times >= start * SECOND) & (times < end * SECOND)] = track
        spans = np.array(self.speech, np.float64).reshape(-1, 2) * SECOND
        return Timeline(
            self.name, 0, self.end, tasks(), MEMBERS, verdict.rows(times, tracks), verdict, sightings,
            Speech(spans.astype(np.int64), self.end), self._transcript(),
        )  # fmt: skip

    def _sightings(self):
        looked = np.array([start for start, _ in cut(self.end, FRAMES)] if self.looked else [], np.int64)
        rows = [
            (int(time), track)
            for time in looked
            for track, (start, end) in enumerate(self.seen)
            if start * SECOND <= time < end * SECOND
        ]
        times, tracks = np.array(rows, np.int64).reshape(-1, 2).T
        boxes = np.tile(np.array([[0.3, 0.02, 0.6, 0.4]], np.float32), (len(rows), 1))
        detected = np.arange(len(rows)) % 2 == 0
        return Sightings(times, tracks, boxes, np.full(len(rows), 0.9, np.float32), detected, looked, looked % 2 == 0)

    def _verdict(self, segments):
        middle = np.array([segment.middle / SECOND for segment in segments])
        known = tasks()
        said_S = ~((middle >= self.silent[0]) & (middle < self.silent[1]))
        about = np.array([segment.track is not None for segment in segments])
        present = np.stack([said_S & about, said_S & about, said_S, said_S & (middle > self.length / 3)])
        wave = [np.cos(middle[:, None] * 0.7 + np.arange(len(t.labels)) * 1.1) for t in known.values()]
        scores = dict(zip(known, wave, strict=True))
        expression = np.exp(2 * scores["expression"])
        scores["expression"] = expression / expression.sum(1, keepdims=True)
        scores["action_units"] = 0.5 + 0.5 * scores["action_units"]
        pairs = np.array([EXPRESSION.labels.positions(pair) for pair in ABAW_PAIRS.values()])
        scores["compound"] = scores["expression"][:, pairs].sum(2)
        scores = {task: values.astype(np.float32) for task, values in scores.items()}
        said = {task: np.repeat(said_S[:, None], values.shape[1], 1) for task, values in scores.items()}
        said["valence_arousal"] &= about[:, None]
        said["action_units"] &= about[:, None]
        opinions = Opinions(segments, MEMBERS, present, {}, {})
        share = normalise(scores["compound"], said["compound"])
        weights = np.array([0.3, -0.1, 0.2, 0.15])[:, None, None] * np.sin(middle / 3)[None, :, None]
        contributions = np.where(present[..., None], weights * share[None], 0).astype(np.float32)
        return Verdict(opinions, scores, said, contributions)

    def _transcript(self):
        texts = self.words.split()
        step = self.end // max(1, len(texts))
        return Transcript(
            tuple(Word(text, n * step, n * step + step // 2, 0.8, "estimated") for n, text in enumerate(texts)), self.end
        )


@pytest.fixture(scope="module")
def timeline():
    return Film(silent=(6.5, 7.0)).timeline()
