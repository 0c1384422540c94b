"""MELD: tables with the quirks of the real ones, with and without films."""

import pytest

from modalities.types import FOREVER
from tests.tuning.corpora.trees.spoken import MELD_FILMS, MELD_ROWS, MELD_TIMES, meld, sound
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


def clips(corpus):
    return {clip.name: clip for clip in corpus.clips}


def test_words_are_brought_with_estimated_times(tmp_path):
    corpus = read_corpus("meld", meld(tmp_path))
    found = clips(corpus)
    assert {name: clip.split for name, clip in found.items()} == {
        "train_dia0_utt0": "train", "train_dia0_utt1": "train", "train_dia125_utt3": "train",
        "dev_dia0_utt0": "dev", "test_dia0_utt0": "test",
    }  # fmt: skip
    said = found["train_dia0_utt0"].brought["transcript"]
    assert [word.text for word in said.words] == ["I’m", "sure—"]
    assert [(word.start, word.end, word.timing) for word in said.words] == [
        (0, 800_000, "estimated"), (800_000, 2_000_000, "estimated"),
    ]  # fmt: skip
    assert said.until == FOREVER
    assert [found[f"train_{name}"].end for name in ("dia0_utt0", "dia0_utt1", "dia125_utt3")] == [
        2_000_000, 400_000, 800_000,
    ]  # fmt: skip
    (footage,) = found["train_dia125_utt3"].footages()
    assert footage.percepts["transcript"].text(0, footage.end) == "Well, café!"
    expressions = [corpus.expressions[clip.labels["expression"].argmax()] for clip in corpus.split("train")]
    assert expressions == ["Happiness", "Neutral", "Surprise"]
    assert {split: count["clips"] for split, count in corpus.counts.items()} == {
        "train": 9989, "dev": 1109, "test": 2610,
    }  # fmt: skip


def test_a_subject_is_a_dialogue_because_characters_speak_in_all_splits(tmp_path):
    found = clips(read_corpus("meld", meld(tmp_path)))
    assert found["train_dia0_utt0"].subject == found["train_dia0_utt1"].subject == "train_dia0"
    assert found["dev_dia0_utt0"].subject == "dev_dia0"


def test_tables_of_windows_are_read(tmp_path):
    rows = {**MELD_ROWS, "dev": [f"1,I’m café,Ross,anger,negative,0,0,4,1,{MELD_TIMES}"]}
    del rows["train"]
    root = meld(meld(tmp_path), rows, encoding="cp1252")
    said = clips(read_corpus("meld", root))["dev_dia0_utt0"].brought["transcript"]
    assert said.text(0, FOREVER) == "I’m café"


def test_what_stands_there_twice_is_read_once_rather_in_test(tmp_path):
    rows = {
        **MELD_ROWS,
        "train": [*MELD_ROWS["train"], MELD_ROWS["test"][0].replace("0,0", "7,0"), "9" + MELD_ROWS["train"][0]],
    }
    corpus = read_corpus("meld", meld(tmp_path, rows))
    assert corpus.duplicates == 2
    assert sorted(clips(corpus)) == sorted(clips(read_corpus("meld", meld(tmp_path))))


def test_films_are_taken_where_they_were_unpacked(tmp_path):
    root = meld(tmp_path)
    for name in ("dia0_utt0", "dia0_utt1"):
        sound(root / "train" / MELD_FILMS["train"] / f"{name}.wav")
    sound(root / MELD_FILMS["test"] / "dia0_utt0.wav")
    found = clips(read_corpus("meld", root))
    assert found["train_dia0_utt0"].path == root / "train/train_splits/dia0_utt0.wav"
    assert found["test_dia0_utt0"].path == root / "output_repeated_splits_test/dia0_utt0.wav"
    assert found["dev_dia0_utt0"].path is None
    assert found["train_dia125_utt3"].path is None, "the authors lost it"


def test_a_missing_film_is_told(tmp_path):
    root = meld(tmp_path)
    sound(root / MELD_FILMS["train"] / "dia0_utt0.wav")
    with pytest.raises(CorpusError, match=r"train_splits/dia0_utt1 .* is missing, but train_sent_emo.csv tells of it"):
        read_corpus("meld", root)


def test_two_utterances_of_one_number_are_told(tmp_path):
    rows = {**MELD_ROWS, "dev": [*MELD_ROWS["dev"], "2,Ho!,Ross,anger,negative,0,0,4,1," + MELD_TIMES]}
    with pytest.raises(CorpusError, match="two clips are called dev_dia0_utt0"):
        read_corpus("meld", meld(tmp_path, rows))
