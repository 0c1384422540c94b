"""What a corpus brings reaches each stretch of a film in its own part; joined, the parts are the whole."""

import wave
from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest

from modalities.types import (
    FOREVER,
    SAMPLE_RATE,
    SECOND,
    Caption,
    Captions,
    ClipName,
    Faces,
    Frames,
    Speech,
    Transcript,
    Waveform,
    Word,
)
from tests.checks.alike import assert_alike
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.handing import part
from tuning.corpora.whole import WHOLE, row

TIMES = np.arange(0, 5 * SECOND, SECOND // 5, dtype=np.int64)
IMAGES = tuple(np.full((4, 4, 3), number, np.uint8) for number in range(len(TIMES)))
EVERY_OTHER = TIMES[::2]
MANY = len(EVERY_OTHER)
BROUGHT = {
    "clip": ClipName("film", FOREVER),
    "frames": Frames(TIMES, IMAGES, FOREVER),
    "faces": Faces(
        times=EVERY_OTHER,
        tracks=np.arange(MANY) % 2,
        boxes=np.zeros((MANY, 4), np.float32),
        scores=np.ones(MANY, np.float32),
        detected=np.ones(MANY, np.bool_),
        crops=np.zeros((MANY, 2, 2, 3), np.uint8),
        landmarks=np.zeros((MANY, 478, 3), np.float32),
        blendshapes=np.zeros((MANY, 52), np.float32),
        pose=np.arange(3 * MANY, dtype=np.float32).reshape(MANY, 3),
        looked=TIMES,
        ran=np.arange(len(TIMES)) % 3 == 0,
        until=FOREVER,
    ),
    "speech": Speech(np.array([[0, 1_500_000], [1_900_000, 4_500_000]], np.int64), FOREVER),
    "transcript": Transcript(
        tuple(Word(str(n), n * 700_000, (n + 1) * 700_000, 1.0, "estimated") for n in range(7)), FOREVER
    ),
    "caption": Captions(tuple(Caption(str(n), n * SECOND, (n + 2) * SECOND) for n in range(4)), FOREVER),
    "waveform": Waveform(np.arange(5 * SAMPLE_RATE, dtype=np.float32), 0, FOREVER),
}


@pytest.mark.parametrize("name", list(BROUGHT))
def test_parts_join_to_the_whole(name):
    edges = [0, SECOND, 1_234_000, 3 * SECOND, FOREVER]
    parts = [part(BROUGHT[name], start, until) for start, until in pairwise(edges)]
    assert [found.until for found in parts] == edges[1:]
    assert_alike(BROUGHT[name], reduce(lambda whole, later: whole.join(later), parts), 0.0, name)


def test_something_of_a_new_kind_is_asked_about():
    with pytest.raises(TypeError, match="say here which part of a Heartbeat belongs to a stretch"):
        part(type("Heartbeat", (), {"until": FOREVER})(), 0, 1)


def test_each_stretch_of_a_film_gets_its_own_words(tmp_path):
    with wave.open(str(tmp_path / "film.wav"), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(bytes(2 * 5 * SAMPLE_RATE))
    labels = {"expression": row("Anger", ("Neutral", "Anger"))}
    brought = {"transcript": BROUGHT["transcript"]}
    clip = LabelledClip("film", tmp_path / "film.wav", "me", "train", WHOLE, labels, brought)
    stretches = list(clip.footages())
    assert len(stretches) > 1
    said = [stretch.percepts["transcript"] for stretch in stretches]
    assert [found.until for found in said[:-1]] == [stretch.end for stretch in stretches[:-1]]
    assert reduce(lambda whole, later: whole.join(later), said) == BROUGHT["transcript"]
    (alone,) = replace(clip, path=None, end=5 * SECOND).footages()
    assert alone.percepts["transcript"] == BROUGHT["transcript"]
