"""What encodings are kept under: everything that decides them and nothing else; and nothing is lost on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.types import SECOND, Segment
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tuning.corpora.corpus import Corpus, LabelledClip
from tuning.corpora.labelling import OverSpans
from tuning.encodings import EncodingCache, fingerprint, impress, load_impression, save_impression
from tuning.run import data_hash

LISTED = (Segment(0, 4 * SECOND), Segment(2 * SECOND, 6 * SECOND), Segment(7 * SECOND, 9 * SECOND))
LABELS = {"expression": np.eye(8, dtype=np.float32)[[4]]}


def clip(path, name="clip", subject="somebody", **changes):
    return LabelledClip(**{
        "name": name, "path": path, "subject": subject, "split": "train", "labelling": OverSpans.whole(),
        "labels": LABELS, **changes,
    })  # fmt: skip


@pytest.fixture
def files(tmp_path):
    one, other = tmp_path / "one.bin", tmp_path / "other.bin"
    one.write_bytes(b"one clip")
    other.write_bytes(b"another clip")
    return one, other


@pytest.fixture
def cache(tmp_path):
    return EncodingCache(tmp_path / "encodings", toys.plan())


def with_table(path):
    """A plan whose captions are looked up in a table."""
    caption = {"kind": "caption_table", "path": str(path)}
    scene = {
        "kind": "scene",
        "settings": {"encoder": {"kind": "tests.toys:Counts"}},
        "heads": {"mean": {"kind": "mean"}},
    }
    return Plan.of(EnsembleSettings.model_validate({"cues": {"caption": caption}, "modalities": {"scene": scene}}))


def test_clips_of_one_name_are_kept_apart(cache, files):
    first, second = (cache.path(clip(file)) for file in files)
    assert first != second
    assert cache.path(clip(files[0], name="another name")) == first, "what is in it decides, not how it is called"


def test_where_captions_are_looked_up_the_name_decides_too(tmp_path, files):
    table = tmp_path / "captions.csv"
    table.write_text("clip,start,end,text\na,0,4,one\n")
    cache = EncodingCache(tmp_path / "encodings", with_table(table))
    assert cache.path(clip(files[0], name="a")) != cache.path(clip(files[0], name="b"))


def test_a_table_that_changed_is_another_table(tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text("clip,start,end,text\na,0,4,one\n")
    before = fingerprint(with_table(table))
    assert fingerprint(with_table(table)) == before
    table.write_text("clip,start,end,text\na,0,4,another\n")
    assert fingerprint(with_table(table)) != before


def test_listed_segments_are_judged_alike_in_bulk(tmp_path: Path):
    recognizer = Recognizer(toys.plan())
    footages = replace(film(), segments=LISTED).stretches(SECOND)
    save_impression(impress(recognizer.plan, footages), tmp_path / "one.npz")
    loaded = load_impression(tmp_path / "one.npz")
    assert loaded.segments == LISTED
    here = Timeline.join(list(recognizer.stream(footages)))
    bulk = Timeline.join(list(recognizer.combine([loaded])))
    assert here.verdict.segments == bulk.verdict.segments
    assert_alike(here.verdict.scores, bulk.verdict.scores, 1e-5)


def test_a_fit_is_named_by_labels_places_and_subjects(cache, files):
    def named(**changes):
        return data_hash([Corpus("mine", (clip(files[0], **changes),), "none", "none")], cache)

    before = named()
    assert named() == before
    for changes in (
        {"labelling": OverSpans(np.array([[0, 2 * SECOND]]))},
        {"subject": "somebody else"},
        {"split": "dev"},
        {"labels": {"expression": np.eye(8, dtype=np.float32)[[5]]}},
    ):
        assert named(**changes) != before, changes
