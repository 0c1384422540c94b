"""Captions as team RAS publishes them: tables of the three corpora, plain and gzipped."""

import gzip

import numpy as np
import pytest

from modalities.types import FOREVER, Segment
from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.videos import CAPTIONS_HEADER as HEADER
from tests.tuning.corpora.trees.videos import NOTHING, SAD, ras_captions
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


@pytest.fixture
def afew(tmp_path):
    return ras_captions(tmp_path)


def test_captions_are_brought_to_segments_of_the_grid(afew):
    corpus = read_corpus("ras_captions", afew)
    long, mute = corpus.split("train")
    assert (long.name, long.path, long.end) == ("train_000046280", None, 6_000_000)
    assert long.segments == (Segment(0, 4_000_000), Segment(2_000_000, 6_000_000))
    said = long.brought["caption"]
    assert [caption.text for caption in said.captions] == ["A dim room.", "Later, he shouts."]
    assert said.until == FOREVER
    assert mute.brought["caption"].captions == ()
    (footage,) = long.footages()
    assert footage.percepts["caption"].text(2_000_000, 6_000_000) == "Later, he shouts."
    assert long.targets(long.segments, footage.row_times)["expression"].argmax(axis=1).tolist() == [1, 1]


def test_afew_has_seven_expressions_and_no_label_in_a_name(afew):
    corpus = read_corpus("ras_captions", afew)
    assert len(corpus.expressions) == 7
    assert {clip.name for clip in corpus.clips} == {"train_000046280", "train_005153760", "dev_005153760"}
    assert (corpus.counts["train"]["rows"], corpus.counts["dev"]["rows"]) == (855, 411)


def test_the_second_prompt_is_a_corpus_of_its_own(afew):
    (clip,) = read_corpus("ras_captions_2", afew).clips
    assert [caption.text for caption in clip.brought["caption"].captions] == ["Angry."]


def test_aff_wild2_counts_by_the_last_number_and_has_soft_labels(tmp_path):
    lines = [
        "full_video_name," + HEADER,
        "117.avi,117___2038_2158_0034.avi,A hoodie.,0.25,0,0,0,0,0,0,0.75",
        f"135.mp4,135_left___0_120_0000.mp4,Two men.,{SAD}",
    ]
    with gzip.open(tmp_path / "dev_segment_with_text_1.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    corpus = read_corpus("ras_captions", tmp_path)
    one, left = corpus.split("dev")
    assert one.segments == (Segment(68_000_000, 72_000_000),)
    np.testing.assert_allclose(one.labels["expression"], [[0.25, 0, 0, 0, 0, 0, 0, 0.75]])
    assert (left.name, left.subject, len(corpus.expressions)) == ("135_left", "135", 8)
    assert corpus.counts["dev"] == {"clips": 70, "rows": 6450}


def test_c_expr_db_has_no_labels(tmp_path):
    row = f"01___0000.mp4,A person eats.,{NOTHING}"
    write(tmp_path / "test_segment_with_text_1.csv", HEADER, row, row)
    corpus = read_corpus("ras_captions", tmp_path)
    assert [(clip.name, clip.labels) for clip in corpus.split("test")] == [("01", {})]
    assert corpus.duplicates == 1


@pytest.mark.parametrize(
    ("header", "row", "sentence"),
    [
        (HEADER, "1___Sad_0000.avi,x,0,2,0,0,0,0,0,0", "row 1 below the header: the labels are 0, 2, .* that sum to 1"),
        (
            HEADER,
            "1___Sad_0000.avi,x,0,,0,0,0,1,0,0",
            "row 1 below the header: the labels are 0.*, nan, .* or all empty",
        ),
        (HEADER, "1___Sad_0000.avi,x,0,0,0,0,0,0,0,1", "row 1 below the header: the labels are .* that sum to 1"),
        (HEADER, f"1_Sad.avi,x,{SAD}", "row 1 below the header: video_name is '1_Sad.avi', but must be like 01___0000"),
        (HEADER, f"01___0000.mp4,x,{NOTHING}", "tables of AFEW and C-EXPR-DB lie together; give a folder of one"),
    ],
)
def test_what_is_broken_is_said(afew, header, row, sentence):
    write(afew / "dev_segment_with_text_1.csv", header, row)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("ras_captions", afew)


def test_strange_splits_are_said(tmp_path):
    write(tmp_path / "val_segment_with_text_1.csv", HEADER)
    with pytest.raises(CorpusError, match=r"val_.*\.csv: the first word is 'val', but must be one of train, dev"):
        read_corpus("ras_captions", tmp_path)
