"""FER2013 as its table and as arrays."""

import numpy as np
import pytest

from modalities.types import FOREVER
from tests.tuning.corpora.trees.pictures import FER_ROWS, fer2013, fer2013_arrays, fer_line, fer_pixels
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


def test_images_of_the_table_are_brought(tmp_path):
    corpus = read_corpus("fer2013", fer2013(tmp_path))
    found = {clip.name: (clip.split, corpus.expressions[clip.labels["expression"].argmax()]) for clip in corpus.clips}
    assert found == {
        "fer2013_00000": ("train", "Anger"),
        "fer2013_00001": ("train", "Happiness"),
        "fer2013_00002": ("dev", "Neutral"),
        "fer2013_00003": ("test", "Surprise"),
    }
    clip = next(clip for clip in corpus.clips if clip.name == "fer2013_00001")
    (footage,) = clip.footages()
    frames = footage.percepts["frames"]
    assert (frames.times.tolist(), frames.until, footage.end) == ([0], FOREVER, 200_000)
    assert frames.images[0].shape == (48, 48, 3)
    assert (frames.images[0] == fer_pixels(1)[..., None]).all()
    assert {split: count["clips"] for split, count in corpus.counts.items()} == {
        "train": 28_709, "dev": 3_589, "test": 3_589,
    }  # fmt: skip


def test_an_image_that_stands_there_twice_counts_once_rather_in_test(tmp_path):
    corpus = read_corpus(
        "fer2013", fer2013(tmp_path, (*FER_ROWS, fer_line(3, 4, "Training"), fer_line(0, 0, "Training")))
    )
    assert (len(corpus.clips), corpus.duplicates) == (4, 2)
    assert [clip.name for clip in corpus.split("test")] == ["fer2013_00003"]


def test_a_part_may_be_fer2013_arrays(tmp_path):
    corpus = read_corpus("fer2013", fer2013_arrays(tmp_path))
    assert {clip.name: clip.split for clip in corpus.clips} == {
        "part_00002": "test", "part_00003": "test", "part_00000": "train",
    }  # fmt: skip
    assert corpus.duplicates == 1
    labels = [corpus.expressions[clip.labels["expression"].argmax()] for clip in corpus.split("test")]
    assert labels == ["Surprise", "Happiness"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (fer_line(9, 1, "Testing"), "fer2013.csv, line 6: the usage is 'Testing', but must be one of Training"),
        ("1,1 2 3,Training", "line 6 has 3 pixels, the brightest 3, but needs 2304 up to 255"),
        (fer_line(9, 1, "Training").replace(" ", " 256 ", 1), "line 6 has 2305 pixels, the brightest 256, but needs"),
    ],
)
def test_a_broken_row_is_told(tmp_path, row, sentence):
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("fer2013", fer2013(tmp_path, (*FER_ROWS, row)))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"label": np.array([0, 3, 5, 9])}, "part.npz, image 3: the label is '9', but must be one of 0, 1"),
        (
            {"split": np.array(["train", "train", "val", "test"])},
            "image 2: the split is 'val', but must be one of",
        ),
        (
            {"classes": np.array(("angry", "calm", "c", "d", "e", "f", "g"))},
            "the class is 'd', but must be one of",
        ),
        ({"images": np.zeros((4, 24, 24), np.uint8)}, r"part.npz has images \(4, 24, 24\) of uint8, but needs"),
    ],
)
def test_broken_arrays_are_told(tmp_path, changed, sentence):
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("fer2013", fer2013_arrays(tmp_path, **changed))


def test_a_file_without_images_is_told(tmp_path):
    np.savez(tmp_path / "other.npz", faces=np.zeros(3))
    with pytest.raises(CorpusError, match=r"other.npz must hold images, label, split and classes, but: "):
        read_corpus("fer2013", tmp_path)
