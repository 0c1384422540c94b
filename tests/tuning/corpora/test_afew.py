"""AFEW: a tiny tree in the official layout, and broken ones."""

from dataclasses import replace

import pytest

from tests.tuning.corpora.films import film, write
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


@pytest.fixture
def root(tmp_path):
    for place in ("Train_AFEW/Angry/000046280", "Train_AFEW/Happy/005153760", "Val_AFEW/Surprise/005153760"):
        film(tmp_path / f"{place}.avi")
    return tmp_path


def test_each_video_is_a_clip_labelled_as_a_whole(root):
    corpus = read_corpus("afew", root)
    found = {clip.name: (corpus.expressions[clip.labels["expression"].argmax()], clip.split) for clip in corpus.clips}
    assert found == {
        "train_000046280": ("Anger", "train"),
        "train_005153760": ("Happiness", "train"),
        "dev_005153760": ("Surprise", "dev"),
    }
    assert len(corpus.expressions) == 7
    assert (corpus.counts["train"]["clips"], corpus.counts["dev"]["clips"]) == (773, 383)


def test_its_pictures_can_be_read_and_its_label_is_in_no_name(root):
    for clip in read_corpus("afew", root).clips:
        (footage,) = clip.footages()
        assert len(footage.row_times) == 5
        assert clip.path.parent.name not in footage.clip


def test_an_unknown_class_is_said(root):
    film(root / "Val_AFEW/Bored/1.avi")
    with pytest.raises(CorpusError, match=r"Val_AFEW/Bored/1\.avi: the folder is 'Bored', but must be one of Neut"):
        read_corpus("afew", root)


def test_a_missing_split_is_said(root):
    (root / "Val_AFEW").rename(root / "Validation")
    with pytest.raises(CorpusError, match=r"there is no Val_AFEW/\*/\* .*; is this the folder of the corpus\?"):
        read_corpus("afew", root)


def test_files_that_are_no_films_are_passed_over(root):
    write(root / "Train_AFEW/Angry/000046280.txt", "landmarks")
    assert len(read_corpus("afew", root).clips) == 3


def test_a_subject_stands_on_one_side(root):
    corpus = read_corpus("afew", root)
    twin = replace(corpus.split("train")[0], name="twin", split="dev")
    with pytest.raises(CorpusError, match="the subject train_000046280 stands in dev and train"):
        replace(corpus, clips=(*corpus.clips, twin))
