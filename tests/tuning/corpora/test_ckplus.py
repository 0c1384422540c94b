"""CK+48: a tiny tree in the real layout, and broken ones."""

import numpy as np
import pytest
from PIL import Image

from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError

TREE = (
    "anger/S010_004_00000017.png",
    "anger/S010_004_00000018.png",
    "contempt/S138_008_00000008.png",
    "happy/S010_006_00000013.png",
    "surprise/S999_001_00000014.png",
)


def picture(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((48, 48), grey, np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    for grey, name in enumerate(TREE):
        picture(tmp_path / name, grey)
    return tmp_path


def test_images_are_split_by_subject(root):
    corpus = read_corpus("ckplus", root)
    found = {clip.name: (corpus.expressions[clip.labels["expression"].argmax()], clip.subject) for clip in corpus.clips}
    assert found == {
        "S010_004_00000017": ("Anger", "S010"),
        "S010_004_00000018": ("Anger", "S010"),
        "S138_008_00000008": ("Contempt", "S138"),
        "S010_006_00000013": ("Happiness", "S010"),
        "S999_001_00000014": ("Surprise", "S999"),
    }
    assert {clip.split for clip in corpus.clips if clip.subject == "S010"} == {"test"}
    (footage,) = corpus.clips[1].footages()
    assert footage.frames.images[0].shape == (48, 48, 3)
    assert corpus.counts["all"]["clips"] == 981


def test_an_image_that_stands_there_twice_counts_once(root):
    picture(root / "anger/S010_004_00000019.png", 0)
    corpus = read_corpus("ckplus", root)
    assert (len(corpus.clips), corpus.duplicates) == (5, 1)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("neutral/S010_001_00000001.png", "neutral/S010_001_00000001.png: the folder is 'neutral', but must be one of"),
        ("anger/me.png", "anger/me.png is not named like S010_004_00000017.png"),
    ],
)
def test_a_strange_image_is_told(root, path, sentence):
    picture(root / path, 200)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("ckplus", root)


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(CorpusError, match=r"there is no \*/\* .* in .*; is this the folder of the corpus\?"):
        read_corpus("ckplus", tmp_path)
