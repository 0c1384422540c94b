"""Acted sentences (RAVDESS, CREMA-D, SAVEE, EmoDB) in their real layouts."""

import pytest

from modalities.labels import EXPRESSION
from tests.tuning.corpora.trees.spoken import ACTED, acted, sound
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError

ENTIRE = {"ravdess": 1440, "cremad": 7442, "savee": 480, "emodb": 535}


@pytest.fixture
def tree(request, tmp_path):
    return request.param, acted(request.param, tmp_path)


every = pytest.mark.parametrize("tree", list(ACTED), indirect=True)


@every
def test_every_recording_is_a_clip(tree):
    name, root = tree
    corpus = read_corpus(name, root)
    found = {
        str(clip.path.relative_to(root)): (corpus.expressions[clip.labels["expression"].argmax()], clip.subject)
        for clip in corpus.clips
    }
    assert found == ACTED[name]
    assert all(clip.labels["expression"].sum() == 1 for clip in corpus.clips)
    assert len({(clip.subject, clip.split) for clip in corpus.clips}) == len({clip.subject for clip in corpus.clips})
    assert corpus.counts["all"]["clips"] == ENTIRE[name]
    assert set(corpus.counts["all"]) == {*corpus.expressions, "clips"}
    assert corpus.speaking(EXPRESSION.labels.names).clips[0].labels["expression"].shape == (1, 8)


@every
def test_its_sound_can_be_read(tree):
    name, root = tree
    clip = next(clip for clip in read_corpus(name, root).clips if clip.path.suffix == ".wav")
    (footage,) = clip.footages()
    assert len(footage.waveform.samples) == 160
    assert footage.clip == clip.name


@pytest.mark.parametrize("name", list(ACTED))
def test_an_empty_folder_and_none_are_told_apart(name, tmp_path):
    with pytest.raises(CorpusError, match=r"there is no \*\*/.*; is this the folder of the corpus\?"):
        read_corpus(name, tmp_path)
    with pytest.raises(CorpusError, match=r"there is no folder .*nowhere; give the folder of the corpus"):
        read_corpus(name, tmp_path / "nowhere")


def test_of_one_take_the_fullest_recording_is_read(tmp_path):
    sound(tmp_path / "AudioWAV/1001_DFA_ANG_XX.wav")
    sound(tmp_path / "VideoFlash/1001_DFA_ANG_XX.flv")
    (clip,) = read_corpus("cremad", tmp_path).clips
    assert clip.path.suffix == ".flv"
    for path in ("02-01-06-01-02-01-12.mp4", "03-01-06-01-02-01-12.wav", "03-01-06-01-02-02-12.wav"):
        sound(tmp_path / "r/Actor_12" / path)
    assert {clip.path.name[:2] for clip in read_corpus("ravdess", tmp_path / "r").clips} == {"03"}
    sound(tmp_path / "r/Actor_12/01-01-06-01-02-01-12.mp4")
    assert sorted(clip.path.name[:2] for clip in read_corpus("ravdess", tmp_path / "r").clips) == ["01", "03"]
    sound(tmp_path / "s/AudioData/DC/a01.wav")
    sound(tmp_path / "s/AudioVisualClip/DC/a1.avi")
    (clip,) = read_corpus("savee", tmp_path / "s").clips
    assert (clip.name, clip.path.suffix) == ("DC_a01", ".avi")


def test_ravdess_passes_over_songs_and_sees_a_take_in_the_wrong_folder(tmp_path):
    sound(tmp_path / "Actor_03/03-01-06-01-02-01-03.wav")
    sound(tmp_path / "Actor_03/03-02-06-01-02-01-03.wav")
    assert len(read_corpus("ravdess", tmp_path).clips) == 1
    sound(tmp_path / "Actor_03/03-01-06-01-02-01-04.wav")
    with pytest.raises(CorpusError, match=r"04.wav is by actor 04, but lies in Actor_03"):
        read_corpus("ravdess", tmp_path)


def test_savee_knows_four_speakers(tmp_path):
    sound(tmp_path / "AudioData/XY/a01.wav")
    with pytest.raises(CorpusError, match="the speaker is 'XY', but must be one of DC, JE, JK, KL"):
        read_corpus("savee", tmp_path)
