"""Every corpus and every kind of break: a file that is missing, another header, a label out of range, an overlap.

Each reader of the catalog has an entry for each kind, so a new one without them fails here. An entry harms the reader's
tiny tree and says what comes of it: it stops with a sentence; what stands in two splits is left out of one, and
counted; files that are alike are found by `corpus check --deep`; or, with a reason, that it cannot happen.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from modalities.types import SECOND
from tests.tuning.corpora.breaks.breaking import KINDS, Alike, LeftOut, Never, Stops, gone, with_line
from tests.tuning.corpora.breaks.every import BROKEN
from tests.tuning.corpora.breaks.spoken import iemocap_turn
from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.every import TREES
from tests.tuning.corpora.trees.pictures import (
    AFFECTNET_ROWS,
    FER_ROWS,
    RAFDB_LIST,
    affectnet,
    affectnet_annotated,
    fer2013,
    fer2013_arrays,
)
from tests.tuning.corpora.trees.videos import AU
from tuning.catalog import CORPORA, read_corpus
from tuning.corpora.check import check
from tuning.corpora.corpus import SPLITS, Corpus, CorpusError, LabelledClip
from tuning.corpora.whole import WHOLE


def test_every_reader_has_a_tree_and_an_entry_for_each_kind_of_break():
    assert set(TREES) == set(CORPORA), "make a tiny tree for it in tests/tuning/corpora/trees"
    assert {name: tuple(kinds) for name, kinds in BROKEN.items()} == dict.fromkeys(CORPORA, KINDS)
    assert all(broken.why for kinds in BROKEN.values() for broken in kinds.values() if isinstance(broken, Never))


@pytest.mark.parametrize("name", list(CORPORA))
def test_a_whole_tree_is_read(name, tmp_path):
    corpus = read_corpus(name, TREES[name](tmp_path))
    assert corpus.clips
    assert not [problem for problem in check(name, tmp_path, deep=False).problems if "authors state" not in problem]


def entries(kind):
    return [
        pytest.param(name, kinds[what], id=f"{name}-{what}")
        for name, kinds in BROKEN.items()
        for what in KINDS
        if isinstance(kinds[what], kind)
    ]


@pytest.mark.parametrize(("name", "broken"), entries(Stops))
def test_it_stops_with_a_sentence(name, broken, tmp_path):
    broken.harm(root := TREES[name](tmp_path))
    with pytest.raises((CorpusError, FileNotFoundError), match=broken.sentence):
        read_corpus(name, root)


@pytest.mark.parametrize(("name", "broken"), entries(LeftOut))
def test_what_stands_in_two_splits_is_left_out_of_one_and_counted(name, broken, tmp_path):
    root = TREES[name](tmp_path)
    whole = read_corpus(name, root)
    broken.harm(root)
    corpus = read_corpus(name, root)
    assert corpus.duplicates == whole.duplicates + 1
    assert {clip.name for clip in corpus.clips} == {clip.name for clip in whole.clips}


@pytest.mark.parametrize(("name", "broken"), entries(Alike))
def test_files_that_are_alike_are_found_by_looking_deeper(name, broken, tmp_path):
    broken.harm(root := TREES[name](tmp_path))
    assert read_corpus(name, root).clips
    said = check(name, root, deep=True)
    assert said.code == 1
    assert [problem for problem in said.problems if re.search(broken.sentence, problem)]


@pytest.mark.parametrize("name", list(CORPORA))
def test_however_a_subject_came_into_two_splits_no_corpus_holds_it(name, tmp_path):
    corpus = read_corpus(name, TREES[name](tmp_path))
    one = corpus.clips[0]
    elsewhere = next(split for split in SPLITS if split != one.split)
    with pytest.raises(
        CorpusError, match=rf"the subject {one.subject} stands in .* and .*; put all its clips into one"
    ):
        replace(corpus, clips=(*corpus.clips, replace(one, name="twin", split=elsewhere)))


# ------------------------------------------------------------------------------------------------ other forms, deeper


@pytest.mark.parametrize(
    ("name", "make", "harm", "sentence"),
    [
        (
            "affectnet",
            affectnet_annotated,
            gone("val_set/images/0.jpg"),
            "val_set/images/0.jpg is missing, but val_set",
        ),
        (
            "affectnet",
            affectnet_annotated,
            lambda root: (root / "train_set/annotations/7_val.npy").write_bytes(b"half"),
            "train_set/annotations/7_val.npy must hold one number, as numpy saves it, but: .*; copy it anew",
        ),
        (
            "affectnet",
            affectnet_annotated,
            lambda root: np.save(root / "train_set/annotations/7_exp.npy", np.zeros(3)),
            "train_set/annotations/7_exp.npy must hold one number",
        ),
        (
            "affectnet",
            affectnet,
            lambda root: affectnet(root, {"training": ["689/a.jpg,0,0,9,9,1;2,2,0,0", *AFFECTNET_ROWS["training"]]}),
            "two clips are called train/689/a.jpg",
        ),
        ("affectnet", affectnet, lambda root: affectnet(root, {"training": [",0,0,9,9,1;2,1,0,0"]}), "is missing, but"),
        (
            "fer2013",
            fer2013_arrays,
            lambda root: (root / "part.npz").write_bytes(b""),
            "part.npz must hold images, label",
        ),
        (
            "fer2013",
            fer2013_arrays,
            lambda root: fer2013_arrays(root, label=np.array([0, 3])),
            r"part.npz has 4 images, \(2,\) labels and \(4,\) splits, but needs one of each per image",
        ),
        (
            "fer2013",
            fer2013,
            lambda root: write(root / "fer2013.csv", "emotion,pixels,Usage", *(f"x,{row}" for row in FER_ROWS)),
            r"fer2013.csv has rows of more cells than its header has columns \(emotion, pixels, Usage\)",
        ),
        (
            "iemocap",
            TREES["iemocap"],
            iemocap_turn("[6.29 - 8.23]\t{}\tneu\t[2.5.1, 2.5, 2.5]"),
            "Ses01F_impro01.txt, line 3 is .*, but must be",
        ),
        (
            "rafdb",
            TREES["rafdb"],
            with_line(RAFDB_LIST, "train_00001.jpg 3"),
            "list_patition_label.txt, line 4: train_00001 has another class above; keep one",
        ),
        (
            "rafdb",
            TREES["rafdb"],
            lambda root: (root / RAFDB_LIST).write_bytes(b"train_00001.jpg 5\xff\n"),
            "list_patition_label.txt cannot be read as text in UTF-8: .*; copy it anew",
        ),
        (
            "cexprdb",
            TREES["cexprdb"],
            lambda root: (root / "list.txt").write_bytes(b"\xff\xfe"),
            "list.txt cannot be read as text in UTF-8",
        ),
        (
            "ras_captions",
            TREES["ras_captions"],
            lambda root: (root / "test_segment_with_text_1.csv.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\x03half"),
            "test_segment_with_text_1.csv.gz cannot be read as a table: .*; copy it anew",
        ),
        (
            "demo",
            TREES["demo"],
            lambda root: min(root.glob("*.npz")).write_bytes(b"half"),
            "1 of 135 clips are missing",
        ),
        (
            "affwild2",
            TREES["affwild2"],
            lambda root: write(root / AU / "Train_Set/117.txt", "AU1", "0"),
            "begins with 'AU1'",
        ),
    ],
)
def test_what_else_may_be_broken_stops_with_a_sentence_too(name, make, harm, sentence, tmp_path):
    harm(root := make(tmp_path))
    with pytest.raises((CorpusError, FileNotFoundError), match=sentence):
        read_corpus(name, root)


@pytest.mark.parametrize(
    ("task", "labels", "sentence"),
    [
        ("expression", [[0.5] + 7 * [0.0]], "labels of expression are 0.5, 0, .*, but must be 0 or more and sum to 1"),
        ("expression", [[1.5, -0.5] + 6 * [0.0]], "labels of expression are 1.5, -0.5, 0, .*, but must be 0 or more"),
        ("action_units", [12 * [0.5]], "labels of action_units are 0.5, .*, but must be 0 or 1"),
        ("valence_arousal", [[np.nan, -1.1]], "labels of valence_arousal are nan, -1.1, but must be from -1 to 1"),
        ("valence_arousal", [[0.0]], r"labels of valence_arousal have the shape \(1, 1\), which fits no task"),
        ("mood", [[1.0]], r"labels of mood have the shape \(1, 1\), which fits no task"),
    ],
)
def test_a_strangers_reader_cannot_hand_over_labels_that_are_none(task, labels, sentence):
    clip = LabelledClip("one", None, "me", "train", WHOLE, {task: np.array(labels, np.float32)}, end=SECOND)
    with pytest.raises(CorpusError, match=f"strange: one: {sentence}"):
        Corpus("strange", (clip,), "none", "none")
