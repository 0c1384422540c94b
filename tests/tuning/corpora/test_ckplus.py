"""CK+48 in its real layout."""

import pytest

from tests.tuning.corpora.trees.pictures import ckplus, picture
from tuning.catalog import read_corpus


@pytest.fixture
def root(tmp_path):
    return ckplus(tmp_path)


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
