"""Acted sentences (RAVDESS, CREMA-D, SAVEE, EmoDB): tiny trees in the real layouts, and broken ones."""

import wave
from dataclasses import replace

import pytest

from modalities.labels import EXPRESSION
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError

TREES = {
    "ravdess": {
        "Actor_01/03-01-01-01-02-01-01.wav": ("Neutral", "01"),
        "Actor_01/03-01-02-01-02-01-01.wav": ("Calm", "01"),
        "Audio/Actor_12/03-01-06-01-02-01-12.flac": ("Fear", "12"),
        "Audio/Actor_24/03-01-08-02-01-02-24.opus": ("Surprise", "24"),
    },
    "cremad": {
        "AudioWAV/1001_DFA_ANG_XX.wav": ("Anger", "1001"),
        "AudioWAV/1001_IEO_HAP_HI.wav": ("Happiness", "1001"),
        "AudioWAV/1091_TSI_NEU_XX.wav": ("Neutral", "1091"),
    },
    "savee": {
        "AudioData/DC/a01.wav": ("Anger", "DC"),
        "AudioData/DC/su15.wav": ("Surprise", "DC"),
        "AudioData/JE/n30.wav": ("Neutral", "JE"),
        "ALL/KL_sa01.wav": ("Sadness", "KL"),
    },
    "emodb": {
        "wav/03a01Fa.wav": ("Happiness", "03"),
        "wav/03b10Lb.wav": ("Boredom", "03"),
        "wav/16a05Wc.wav": ("Anger", "16"),
    },
}
ENTIRE = {"ravdess": 1440, "cremad": 7442, "savee": 480, "emodb": 535}
CODE_OUT_OF_RANGE = {
    "ravdess": ("Actor_01/03-01-09-01-02-01-01.wav", "the third number is '09', but must be one of 01, 02"),
    "cremad": ("AudioWAV/1002_DFA_XYZ_XX.wav", "the expression is 'XYZ', but must be one of NEU, ANG"),
    "savee": ("AudioData/DC/x01.wav", "the letter of the expression is 'x', but must be one of n, a"),
    "emodb": ("wav/03a01Xa.wav", "the letter of the expression is 'X', but must be one of N, W"),
}


def sound(path):
    """A hundredth of a second of silence; what the ending says matters to nobody here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(320))


@pytest.fixture
def tree(request, tmp_path):
    for path in TREES[request.param]:
        sound(tmp_path / path)
    (tmp_path / "readme.txt").write_text("not a recording")
    return request.param, tmp_path


every = pytest.mark.parametrize("tree", list(TREES), indirect=True)


@every
def test_every_recording_is_a_clip(tree):
    name, root = tree
    corpus = read_corpus(name, root)
    found = {
        str(clip.path.relative_to(root)): (corpus.expressions[clip.labels["expression"].argmax()], clip.subject)
        for clip in corpus.clips
    }
    assert found == TREES[name]
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


@every
def test_a_label_out_of_range_is_named(tree):
    name, root = tree
    path, sentence = CODE_OUT_OF_RANGE[name]
    sound(root / path)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus(name, root)


@every
def test_a_strange_file_is_named(tree):
    name, root = tree
    folder = (root / next(iter(TREES[name]))).parent
    sound(folder / "holiday 1.wav")
    with pytest.raises(CorpusError, match=r"holiday 1.wav is not named like .*; is it a file of this corpus\?"):
        read_corpus(name, root)


@every
def test_a_subject_stands_on_one_side(tree):
    name, root = tree
    corpus = read_corpus(name, root)
    twin = replace(corpus.clips[0], name="twin", split="dev" if corpus.clips[0].split == "train" else "train")
    with pytest.raises(CorpusError, match=rf"the subject {twin.subject} stands in .* and .*; put all its clips into"):
        replace(corpus, clips=(*corpus.clips, twin))


@pytest.mark.parametrize("name", list(TREES))
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
