"""IEMOCAP in its real layout."""

import numpy as np
import pytest

from modalities.labels import EXPRESSION
from tests.tuning.corpora.trees.spoken import TURNS, iemocap
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


def labels(corpus):
    rows = {clip.name: clip.labels["expression"][0] for clip in corpus.clips}
    return {name: None if np.isnan(row).any() else corpus.expressions[row.argmax()] for name, row in rows.items()}


def test_utterances_have_ten_classes_valence_and_arousal(tmp_path):
    corpus = read_corpus("iemocap", iemocap(tmp_path))
    assert labels(corpus) == {
        "Ses01F_impro01_F000": "Neutral",
        "Ses01F_impro01_M001": "Frustration",
        "Ses01F_impro01_F002": None,
        "Ses01F_impro01_M003": "Excitement",
        "Ses02M_script01_1b_M000": "Happiness",
    }
    clips = {clip.name: clip for clip in corpus.clips}
    assert clips["Ses01F_impro01_M001"].labels["valence_arousal"].tolist() == [[-0.5, 0.5]]
    assert clips["Ses01F_impro01_F002"].labels["valence_arousal"].tolist() == [[-1, 1]]
    assert {clip.subject for clip in corpus.clips} == {"Ses01F", "Ses01M", "Ses02M"}
    assert len({clip.split for clip in corpus.clips if clip.subject.startswith("Ses01")}) == 1
    assert corpus.counts["all"]["clips"] == 10_039
    assert set(labels(corpus.speaking(EXPRESSION.labels.names)).values()) == {"Neutral", "Other", "Happiness", None}


@pytest.mark.parametrize(
    ("name", "turns", "total"), [("iemocap4", "F0 M3 M0", 5531), ("iemocap5", "F0 M1 M3 M0", 7380)]
)
def test_usual_classes_join_excitement_to_happiness(tmp_path, name, turns, total):
    corpus = read_corpus(name, iemocap(tmp_path))
    assert [turn[-4] + turn[-1] for turn in labels(corpus)] == turns.split()
    assert labels(corpus)["Ses01F_impro01_M003"] == "Happiness"
    assert corpus.counts["all"]["clips"] == total


def test_six_classes_keep_it_apart(tmp_path):
    corpus = read_corpus("iemocap6", iemocap(tmp_path))
    assert labels(corpus)["Ses01F_impro01_M003"] == "Excitement"
    assert corpus.counts["all"] == {
        "Neutral": 1708, "Anger": 1103, "Happiness": 595, "Excitement": 1041, "Sadness": 1084, "Frustration": 1849,
        "clips": 7380,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[6.29 - 8.23]\t{}\tneu\t[7.5, 2.5, 2.5]", r"has valence and arousal \[7.5, 2.5\], but they lie in 1 to 5"),
        ("[6.29 - 8.23] {} neu [2.5, 2.5, 2.5]", r"line 3 is '.*', but must be '\[START_TIME - END_TIME\] TURN_NAME"),
        ("[6.29 - 8.23]\tSesXX_F000\tneu\t[2.5, 2.5, 2.5]", "SesXX_F000 is not named like Ses01F_impro01_F000"),
        (
            "[6.29 - 8.23]\tSes01F_impro01_F009\tneu\t[2.5, 2.5, 2.5]",
            "F009 .* is missing, but Ses01F_impro01.txt",
        ),
    ],
)
def test_a_broken_line_is_told(tmp_path, line, sentence):
    first = next(iter(TURNS))
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("iemocap", iemocap(tmp_path, **{first: line.format(first)}))
