"""Aff-Wild2 in its official layout, per frame and as multi-task lists."""

import numpy as np
import pytest

from modalities.types import Segment
from tests.tuning.corpora.films import write
from tests.tuning.corpora.trees.videos import (
    AU,
    EXPR,
    MOODS,
    MTL_ROW,
    NO_UNITS,
    UNITS,
    VA,
    affwild2,
    affwild2_mtl,
)
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


@pytest.fixture
def root(tmp_path):
    return affwild2(tmp_path)


def clips(corpus):
    return {clip.name: clip for clip in corpus.clips}


def test_the_tasks_of_a_video_are_joined_frame_by_frame(root):
    found = clips(read_corpus("affwild2", root))
    clip = found["117"]
    assert (clip.split, clip.subject, clip.path) == ("train", "117", root / "videos/batch1/117.avi")
    assert {task: rows.shape for task, rows in clip.labels.items()} == {
        "expression": (5, 8), "valence_arousal": (5, 2), "action_units": (5, 12),
    }  # fmt: skip
    np.testing.assert_array_equal(clip.labels["expression"].argmax(axis=1)[1:3], [0, 4])
    assert np.isnan(clip.labels["expression"][[0, 3, 4]]).all()
    np.testing.assert_array_equal(np.isnan(clip.labels["valence_arousal"][:, 0]), [False, True, False, False, True])
    assert clip.labels["action_units"][0].tolist() == [1] + [0] * 11
    assert np.isnan(clip.labels["action_units"][1]).all()
    (footage,) = clip.footages()
    target = clip.targets([Segment(0, footage.end)], footage.row_times)
    np.testing.assert_allclose(target["valence_arousal"][0], [(0.148 + 1 - 0.5) / 3, (0.352 - 1) / 3], rtol=1e-5)
    assert target["expression"][0].tolist() == [0.5, 0, 0, 0, 0.5, 0, 0, 0]


def test_two_people_of_a_video_are_two_clips_and_one_subject(root):
    found = clips(read_corpus("affwild2", root))
    assert set(found) == {"117", "118-30-640x480", "video59_left", "video59_right"}
    assert {found[f"video59_{side}"].subject for side in ("left", "right")} == {"video59"}
    assert found["video59_right"].path == root / "videos/batch2/video59.mp4"
    assert found["video59_right"].split == "dev"
    assert found["video59_right"].labels["expression"].argmax() == 6


def test_what_one_challenge_validates_on_is_trained_on_by_none(root):
    write(root / VA / "Train_Set/video59_left.txt", MOODS, "0,0")
    corpus = read_corpus("affwild2", root)
    assert set(clips(corpus)["video59_left"].labels) == {"expression"}
    assert (clips(corpus)["video59_left"].split, corpus.duplicates) == ("dev", 1)
    (note,) = corpus.notes
    assert note.startswith("1 video is trained on in one challenge and validated on in another (video59): in dev alone")


def test_the_other_name_of_the_challenge(root):
    (root / EXPR).rename(root / "annotations/EXPR_Classification_Challenge")
    assert "expression" in clips(read_corpus("affwild2", root))["117"].labels


def no_videos(root):
    for path in root.glob("videos/**/*.*"):
        if path.is_file():
            path.unlink()


def no_annotations(root):
    (root / "annotations").rename(root / "labels")


BROKEN = [
    (no_videos, r"affwild2: there is no videos/\*\*/\* \(.*.mp4.*\) in .*; is this the folder of the corpus\?$"),
    (no_annotations, "there is no annotations/EXPR_…, VA_… or AU_…Challenge/Train_Set"),
    (
        lambda root: write(root / VA / "Train_Set/117.txt", MOODS, "0.1,-1.2"),
        "117.txt, line 2: valence_arousal is -1.2, but must be -5 .not labelled. or from -1 to 1",
    ),
    (
        lambda root: write(root / AU / "Train_Set/117.txt", UNITS, "2" + NO_UNITS[1:]),
        "117.txt, line 2: action_units is 2, but must be -1",
    ),
    (
        lambda root: write(root / VA / "Train_Set/117.txt", MOODS, "0,0", "0.1"),
        "117.txt, line 3 is '0.1', but must hold 2 numbers",
    ),
]


@pytest.mark.parametrize(("harm", "sentence"), BROKEN)
def test_what_is_broken_is_said(root, harm, sentence):
    harm(root)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("affwild2", root)


# ------------------------------------------------------------------------------------------- the multi-task challenge


@pytest.fixture
def lists(tmp_path):
    return affwild2_mtl(tmp_path) / "annotations/MTL_Challenge"


def test_listed_frames_are_labelled_once(tmp_path, lists):
    corpus = read_corpus("affwild2_mtl", tmp_path)
    found = clips(corpus)
    assert {name: (clip.split, clip.labelling.numbers.tolist()) for name, clip in found.items()} == {
        "117": ("train", [0, 3]), "video59_left": ("dev", [1]),
    }  # fmt: skip
    assert corpus.duplicates == 1
    labels = found["117"].labels
    assert labels["expression"].argmax(axis=1).tolist() == [7, 3]
    np.testing.assert_allclose(labels["valence_arousal"], [[0.1, -0.2], [np.nan, np.nan]])
    assert np.isnan(labels["action_units"][1]).all()
    assert labels["action_units"][0].tolist() == [0] * 12


def test_a_header_of_sixteen_names_and_a_list_right_in_the_root(tmp_path, lists):
    write(lists / "validation_set.txt", f"image,valence,arousal,expression,{UNITS}", f"video59/00001.jpg,{MTL_ROW}")
    lists.rename(tmp_path / "MTL_Challenge")
    assert len(read_corpus("affwild2_mtl", tmp_path).split("dev")) == 1


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([f"118/00001.jpg,{MTL_ROW}"], "videos/../118.mp4 .or .avi. is missing, but 118 is annotated"),
        ([f"117/0.jpg,{MTL_ROW}"], "line 1: the image is '117/0.jpg', but must be named like video45_1/00001.jpg"),
        (["117/00001.jpg,0,0"], "line 1 is '0,0', but must hold 15 numbers"),
    ],
)
def test_a_broken_list_is_said(tmp_path, lists, lines, sentence):
    write(lists / "train_set.txt", *lines)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("affwild2_mtl", tmp_path)
