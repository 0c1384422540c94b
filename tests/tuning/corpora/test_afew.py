"""AFEW in its official layout."""

import pytest

from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.videos import afew
from tuning.catalog import read_corpus


@pytest.fixture
def root(tmp_path):
    return afew(tmp_path)


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


def test_files_that_are_no_films_are_passed_over(root):
    write(root / "Train_AFEW/Angry/000046280.txt", "landmarks")
    assert len(read_corpus("afew", root).clips) == 3
