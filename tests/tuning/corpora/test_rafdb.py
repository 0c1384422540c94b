"""RAF-DB, basic and compound."""

import numpy as np
import pytest

from modalities.labels import EXPRESSION
from tests.tuning.corpora.trees.pictures import BASIC, COMPOUND, rafdb
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


@pytest.mark.parametrize(("name", "side"), [("rafdb", 100), ("rafdb_original", 60)])
def test_basic_images_are_clips_of_one_frame(tmp_path, name, side):
    rafdb(tmp_path / "basic", BASIC)
    corpus = read_corpus(name, tmp_path)
    assert [(clip.name, clip.split, clip.subject) for clip in corpus.clips] == [
        ("train_00001", "train", "train_00001"),
        ("train_00002", "train", "train_00002"),
        ("test_0001", "test", "test_0001"),
    ]
    labels = [corpus.expressions[clip.labels["expression"].argmax()] for clip in corpus.clips]
    assert labels == ["Sadness", "Neutral", "Surprise"]
    (footage,) = corpus.clips[0].footages()
    assert [image.shape for image in footage.frames.images] == [(side, side, 3)]
    assert corpus.counts["train"]["clips"] == 12_271
    assert corpus.counts["test"]["clips"] == 3_068


@pytest.mark.parametrize(("name", "folder"), [("rafdb_compound", "aligned"), ("rafdb_compound_original", "original")])
def test_compounds_are_eleven_and_two_halves_each(tmp_path, name, folder):
    corpus = read_corpus(name, rafdb(tmp_path / "compound", COMPOUND))
    assert {clip.path.parent.name for clip in corpus.clips} == {folder}
    labels = [list(corpus.compounds)[clip.labels["compound"].argmax()] for clip in corpus.clips]
    assert labels == ["Happily Surprised", "Sadly Disgusted", "Disgustedly Surprised"]
    for clip, label in zip(corpus.clips, labels, strict=True):
        (halves,) = clip.labels["expression"]
        basics = {EXPRESSION.labels.names[index] for index in np.flatnonzero(halves)}
        assert basics == set(corpus.compounds[label])
        assert set(halves[halves > 0]) == {0.5}
    assert len(corpus.tasks["compound"].labels) == 11
    assert {split: count["clips"] for split, count in corpus.counts.items()} == {"train": 3162, "test": 792}


def test_a_line_that_stands_there_twice_counts_once(tmp_path):
    corpus = read_corpus("rafdb", rafdb(tmp_path / "basic", (*BASIC, BASIC[0])))
    assert (len(corpus.clips), corpus.duplicates) == (3, 1)


@pytest.mark.parametrize("part", ["basic", "compound"])
@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("train_00001.jpg 12", "line 4: the class is '12', but must be one of 1, 2, 3"),
        ("dev_00001.jpg 1", "line 4 is 'dev_00001.jpg 1', but must be like"),
    ],
)
def test_a_broken_line_is_told(tmp_path, part, line, sentence):
    lines = (*BASIC[:2], COMPOUND[2].replace("11", "1"))
    rafdb(tmp_path / part, (*lines, line), lines)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("rafdb" if part == "basic" else "rafdb_compound", tmp_path)
