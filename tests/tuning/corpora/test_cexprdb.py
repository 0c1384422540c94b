"""C-EXPR-DB: lists of frames with and without labels."""

import numpy as np
import pytest

from modalities.labels import ABAW_PAIRS
from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.videos import CEXPRDB_HEADER as HEADER
from tests.tuning.corpora.trees.videos import cexprdb
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError

NAMES = [name.replace(" ", "_") for name in ABAW_PAIRS]


@pytest.fixture
def root(tmp_path):
    return cexprdb(tmp_path)


def test_listed_frames_have_the_class_at_their_place_in_the_header(root):
    corpus = read_corpus("cexprdb", root)
    one, ten = corpus.split("test")
    assert (one.name, one.labelling.numbers.tolist()) == ("01", [0, 1, 3])
    assert one.labels["compound"][[0, 2]].argmax(axis=1).tolist() == [3, 6]
    assert np.isnan(one.labels["compound"][1]).all()
    assert np.isnan(ten.labels["compound"]).all()
    assert corpus.counts == {"test": {"clips": 56, "rows": 26_145, "segments": 449}}
    (footage,) = one.footages()
    assert one.labelling.units(footage.row_times)[:, 0].tolist() == footage.row_times[[0, 1, 3]].tolist()


def test_another_order_of_the_header_is_another_number(root):
    turned = ",".join(["image_location", *reversed(NAMES)])
    write(root / "list.txt", turned, "01/00001.jpg,0", "10/00001.jpg,6")
    found = [clip.labels["compound"].argmax() for clip in read_corpus("cexprdb", root).split("test")]
    assert found == [6, 0]


def test_a_list_without_labels_is_a_test_split_without(root):
    write(root / "list.txt", HEADER, "01/00001.jpg,", "01/00001.jpg,", "10/00001.jpg")
    corpus = read_corpus("cexprdb", root)
    assert [(clip.labels, len(clip.labelling)) for clip in corpus.split("test")] == [({}, 1), ({}, 1)]
    assert corpus.duplicates == 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([HEADER, "01/00000.jpg,1"], "line 2 is '01/00000.jpg,1', but must be like 01/00001.jpg,3"),
        ([HEADER, "01/00001.jpg,1", "01/00001.jpg,2"], "line 3: 01/00001 has another class above"),
    ],
)
def test_what_is_broken_is_said(root, lines, sentence):
    write(root / "list.txt", *lines)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("cexprdb", root)


def test_two_lists_are_one_too_many(root):
    write(root / "example.csv", HEADER)
    with pytest.raises(CorpusError, match=r"there are several lists in .* \(list.txt, example.csv\); leave the one"):
        read_corpus("cexprdb", root)


def test_no_videos_is_one_sentence(root):
    (root / "videos").rename(root / "films")
    with pytest.raises(CorpusError, match=r"there is no videos/.*; is this the folder of the corpus\?$"):
        read_corpus("cexprdb", root)
