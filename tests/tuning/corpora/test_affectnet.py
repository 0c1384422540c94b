"""AffectNet in both of its forms."""

import numpy as np
import pytest

from modalities.labels import EXPRESSION
from tests.tuning.corpora.trees.pictures import AFFECTNET_FILES, AFFECTNET_ROWS, affectnet, affectnet_annotated
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


def labels(corpus):
    return {
        clip.name: (corpus.expressions[clip.labels["expression"].argmax()], *clip.labels["valence_arousal"][0].tolist())
        for clip in corpus.clips
    }


@pytest.mark.parametrize("place", ["", "Manually_Annotated/"])
def test_the_tables_are_read_without_what_is_no_face(tmp_path, place):
    corpus = read_corpus("affectnet", affectnet(tmp_path, place=place))
    assert labels(corpus) == {
        "train/689/a.jpg": ("Happiness", 0.5, -0.25),
        "train/10/c.png": ("Contempt", -1, 1),
        "test/10/d.jpg": ("Neutral", 0, 0),
    }
    assert [clip.split for clip in corpus.clips] == ["train", "train", "test"]
    (footage,) = corpus.clips[0].footages()
    assert footage.frames.images[0].shape == (24, 24, 3)
    assert corpus.counts["train"]["clips"] == 287_651
    assert corpus.counts["test"]["clips"] == 4_000
    joined = corpus.speaking(EXPRESSION.labels.names)
    assert labels(joined)["train/10/c.png"][0] == "Other"


def test_files_per_label_are_read(tmp_path):
    corpus = read_corpus("affectnet", affectnet_annotated(tmp_path))
    found = labels(corpus)
    assert found["train_set/0"] == ("Happiness", 0.5, -0.25)
    assert found["val_set/0"] == ("Neutral", 0, 0)
    assert found["train_set/7"][0] == "Contempt"
    assert np.isnan(found["train_set/7"][1:]).all()


def test_a_row_that_stands_there_twice_counts_once(tmp_path):
    rows = {**AFFECTNET_ROWS, "training": [*AFFECTNET_ROWS["training"], AFFECTNET_ROWS["training"][0]]}
    corpus = read_corpus("affectnet", affectnet(tmp_path, rows))
    assert (len(corpus.clips), corpus.duplicates) == (3, 1)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("689/a2.jpg,0,0,9,9,1;2,1,1.5,0", "valence and arousal are 1.5 and 0, but lie in −1 to 1"),
        ("689/a2.jpg,0,0,9,9,1;2,1,much,0", "valence and arousal are much and 0, but lie in −1 to 1"),
        ("689/a2.jpg,0,0,9,9,1;2,1,0,0", "689/a2.jpg is missing, but training.csv lists it"),
    ],
)
def test_a_broken_row_is_told(tmp_path, row, sentence):
    with pytest.raises(CorpusError, match=sentence):
        read_corpus(
            "affectnet", affectnet(tmp_path, {**AFFECTNET_ROWS, "training": [*AFFECTNET_ROWS["training"], row]})
        )


def test_all_missing_files_are_told(tmp_path):
    affectnet(tmp_path / "a")
    with pytest.raises(CorpusError, match=r"training.csv is missing, but the corpus needs it"):
        read_corpus("affectnet", tmp_path / "a/Manually_Annotated/Manually_Annotated_Images")
    root = affectnet_annotated(tmp_path / "b")
    (root / "train_set/annotations/0_val.npy").unlink()
    (root / "val_set/images/0.jpg").unlink()
    with pytest.raises(CorpusError) as error:
        read_corpus("affectnet", root)
    assert [problem.split(" is missing")[0] for problem in error.value.problems] == [
        "train_set/annotations/0_val.npy",
        "val_set/images/0.jpg",
    ]


def test_a_file_with_an_unknown_expression_is_told(tmp_path):
    files = {**AFFECTNET_FILES, "train_set": {"3": ("9x", "0", "0")}}
    with pytest.raises(CorpusError, match="train_set/annotations/3: the expression is '9x', but must be one of"):
        read_corpus("affectnet", affectnet_annotated(tmp_path, files))
