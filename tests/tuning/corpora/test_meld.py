"""MELD: tiny tables with the quirks of the real ones, with and without films, and broken ones."""

import wave

import pytest

from modalities.types import FOREVER
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
TIMES = '"00:16:16,059","0:16:18,059"'
ROWS = {
    "train": [
        f"1,I\x92m sure\x97,Ross,joy,positive,0,0,8,21,{TIMES}",
        '2,NA,Monica,neutral,neutral,0,1,8,21,"00:16:20,000","00:16:20,000"',
        '3,"Well, caf\u00e9!",Ross,surprise,positive,125,3,8,21,"00:17:16,059","00:23:18,059"',
    ],
    "dev": ["1,Hey!,Ross,anger,negative,0,0,4,1," + TIMES],
    "test": ["1,Go.,Joey,fear,negative,0,0,5,1," + TIMES],
}
FILMS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}


def tree(root, rows=ROWS, header=HEADER, encoding="utf-8"):
    root.mkdir(exist_ok=True)
    for split, lines in rows.items():
        (root / f"{split}_sent_emo.csv").write_text("\n".join([header, *lines]) + "\n", encoding=encoding)
    return root


def film(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(bytes(32_000))


def clips(corpus):
    return {clip.name: clip for clip in corpus.clips}


def test_words_are_brought_with_estimated_times(tmp_path):
    corpus = read_corpus("meld", tree(tmp_path))
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
    found = clips(read_corpus("meld", tree(tmp_path)))
    assert found["train_dia0_utt0"].subject == found["train_dia0_utt1"].subject == "train_dia0"
    assert found["dev_dia0_utt0"].subject == "dev_dia0"


def test_tables_of_windows_are_read(tmp_path):
    rows = {**ROWS, "dev": [f"1,I’m café,Ross,anger,negative,0,0,4,1,{TIMES}"]}
    del rows["train"]
    root = tree(tree(tmp_path), rows, encoding="cp1252")
    said = clips(read_corpus("meld", root))["dev_dia0_utt0"].brought["transcript"]
    assert said.text(0, FOREVER) == "I’m café"


def test_what_stands_there_twice_is_read_once_rather_in_test(tmp_path):
    rows = {**ROWS, "train": [*ROWS["train"], ROWS["test"][0].replace("0,0", "7,0"), "9" + ROWS["train"][0]]}
    corpus = read_corpus("meld", tree(tmp_path, rows))
    assert corpus.duplicates == 2
    assert sorted(clips(corpus)) == sorted(clips(read_corpus("meld", tree(tmp_path))))


def test_films_are_taken_where_they_were_unpacked(tmp_path):
    root = tree(tmp_path)
    for name in ("dia0_utt0", "dia0_utt1"):
        film(root / "train" / FILMS["train"] / f"{name}.wav")
    film(root / FILMS["test"] / "dia0_utt0.wav")
    found = clips(read_corpus("meld", root))
    assert found["train_dia0_utt0"].path == root / "train/train_splits/dia0_utt0.wav"
    assert found["test_dia0_utt0"].path == root / "output_repeated_splits_test/dia0_utt0.wav"
    assert found["dev_dia0_utt0"].path is None
    assert found["train_dia125_utt3"].path is None, "the authors lost it"


def test_a_missing_film_is_told(tmp_path):
    root = tree(tmp_path)
    film(root / FILMS["train"] / "dia0_utt0.wav")
    with pytest.raises(CorpusError, match=r"train_splits/dia0_utt1 .* is missing, but train_sent_emo.csv tells of it"):
        read_corpus("meld", root)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"rows": {**ROWS, "dev": ["1,Hey!,Ross,angry,negative,0,0,4,1," + TIMES]}},
         "dev_dia0_utt0: the emotion is 'angry', but must be one of neutral, anger"),
        ({"header": HEADER.replace("Emotion", "Feeling")}, "test_sent_emo.csv has the columns .*, but lacks Emotion;"),
        ({"rows": {split: ROWS[split] for split in ("train", "test")}},
         "dev_sent_emo.csv is missing, but the corpus needs it"),
        ({"rows": {**ROWS, "dev": [*ROWS["dev"], "2,Ho!,Ross,anger,negative,0,0,4,1," + TIMES]}},
         "two clips are called dev_dia0_utt0"),
    ],
)  # fmt: skip
def test_broken_tables_are_told(tmp_path, changed, sentence):
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("meld", tree(tmp_path, **changed))
