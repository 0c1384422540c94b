"""A user's own table, CSV or Parquet: spans, soft labels, all tasks, and broken rows."""

import numpy as np
import pandas as pd
import pytest

from modalities.types import FOREVER, Segment
from tests.tuning.corpora.films import film, write
from tests.tuning.corpora.trees.videos import MANIFEST_HEADER as HEADER
from tests.tuning.corpora.trees.videos import MANIFEST_ROWS as ROWS
from tests.tuning.corpora.trees.videos import manifest
from tuning.catalog import read_corpus
from tuning.corpora.corpus import CorpusError


@pytest.fixture
def root(tmp_path):
    return manifest(tmp_path)


def check_example(corpus):
    ann, bob = sorted(corpus.clips, key=lambda clip: clip.name)
    assert corpus.expressions == ("Happiness", "Calm")
    assert ann.labelling.spans.tolist() == [[0, 100_000], [100_000, 200_000]]
    assert ann.labels["expression"].tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(ann.labels["valence_arousal"], [[0, np.nan], [0.8, np.nan]])
    assert ann.labels["action_units"][:, 6].tolist() == [0, 1]
    assert np.isnan(np.delete(ann.labels["action_units"], 6, axis=1)).all()
    assert (bob.split, bob.subject, bob.labelling.spans.tolist()) == ("dev", "bob", [[0, FOREVER]])
    assert all(np.isnan(rows).all() for rows in bob.labels.values())


def test_rows_of_a_path_are_one_clip(root):
    corpus = read_corpus("manifest", root)
    check_example(corpus)
    clip = corpus.split("train")[0]
    (footage,) = clip.footages()
    target = clip.targets([Segment(50_000, 150_000)], footage.row_times)
    np.testing.assert_allclose(target["valence_arousal"][0, 0], 0.4)


def test_a_table_may_be_parquet_or_named(root):
    table = pd.read_csv(root / "manifest.csv")
    table.to_parquet(root / "manifest.parquet")
    (root / "manifest.csv").rename(root / "mine.csv")
    check_example(read_corpus("manifest", root))
    check_example(read_corpus("manifest", root / "mine.csv"))


def test_soft_labels_and_compounds(root):
    write(
        root / "manifest.csv",
        "path,subject,split,Fear,Surprise,compound",
        "films/ann.mp4,ann,train,0.25,0.75,Fearfully Surprised",
        "films/bob.avi,bob,test,,,",
        "films/bob.avi,bob,test,,,",
    )
    corpus = read_corpus("manifest", root)
    ann, bob = corpus.clips
    assert corpus.expressions == ("Fear", "Surprise")
    assert ann.labels["expression"].tolist() == [[0.25, 0.75]]
    assert ann.labels["compound"].argmax() == 0
    assert np.isnan(bob.labels["compound"]).all()
    assert corpus.duplicates == 1


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("films/eve.mp4,,,eve,train,Fear,,", "films/eve.mp4 is missing, but manifest.csv, row 4 names it"),
        (
            "films/bob.avi,0,1,ann,train,Fear,,",
            "row 3 below the header: the rows of films/bob.avi disagree about",
        ),
        (
            "films/bob.avi,0,1,bob,dev,Fear,,",
            "row 3 below the header: films/bob.avi has several rows, so each",
        ),
        (
            "films/cy.mp4,2,1,cy,dev,Fear,,",
            "row 4 below the header: start and end are '2' and '1', but must be",
        ),
        ("films/cy.mp4,2,,cy,dev,Fear,,", "row 4 below the header: start and end are '2' and '', but must be"),
        (
            "films/cy.mp4,,,cy,val,Fear,,",
            "row 4 below the header: the split is 'val', but must be one of train",
        ),
        ("films/cy.mp4,,,,dev,Fear,,", "row 4 below the header: there is no subject"),
        (
            "films/cy.mp4,,,cy,dev,Joy,,",
            "row 4 below the header: the expression is 'Joy', but must be one of Neut",
        ),
        ("films/cy.mp4,,,cy,dev,Fear,1.5,", "row 4 below the header: valence is '1.5', but must be from -1 to 1"),
        ("films/cy.mp4,,,cy,dev,Fear,,2", "row 4 below the header: AU12 is '2', but must be 0 or 1"),
    ],
)
def test_a_broken_row_is_said_with_its_number(root, row, sentence):
    film(root / "films/cy.mp4")
    write(root / "manifest.csv", HEADER, *ROWS, row)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("manifest", root)


@pytest.mark.parametrize(
    ("header", "row", "sentence"),
    [
        (
            "path,subject,split,mood",
            "films/ann.mp4,a,dev,1",
            "manifest.csv has the unknown columns mood; known: ",
        ),
        ("path,subject,split,Fear,Anger", "films/ann.mp4,a,dev,1,1", "the shares of expressions are 1, 1, but must be"),
        (
            "path,subject,split,compound",
            "films/ann.mp4,a,dev,Sad",
            "the compound is 'Sad', but must be one of Fear",
        ),
    ],
)
def test_a_broken_header_or_label_is_said(root, header, row, sentence):
    write(root / "manifest.csv", header, row)
    with pytest.raises(CorpusError, match=sentence):
        read_corpus("manifest", root)
