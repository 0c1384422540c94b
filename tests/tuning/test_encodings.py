"""What encodings are kept under: everything that decides them and nothing else; and nothing is lost on the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.grid import Grid
from modalities.types import FOREVER, SECOND, Caption, Captions, Segment
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tests.tuning import counted
from tuning.corpora.corpus import Corpus, LabelledClip
from tuning.corpora.labelling import OverSpans
from tuning.encodings import EncodingCache, fingerprint, impress, load_impression, save_impression
from tuning.run import data_hash

LISTED = (Segment(0, 4 * SECOND), Segment(2 * SECOND, 6 * SECOND), Segment(7 * SECOND, 9 * SECOND))
SEEN = {"frames": next(iter(film(4).stretches(None))).frames}
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
    first, second = (cache.content(clip(file)) for file in files)
    assert first != second
    assert cache.content(clip(files[0], name="another name")) == first, "what is in it decides, not how it is called"


def test_what_a_corpus_brings_keeps_clips_apart_that_are_called_alike(cache, files):
    told = [
        clip(None, brought={"caption": Captions((Caption(text, 0, SECOND),), FOREVER)}, end=SECOND) for text in "ab"
    ]
    listed = [clip(files[0], segments=segments) for segments in (None, LISTED)]
    assert len({cache.content(one) for one in (*told, *listed)}) == 4


def test_where_captions_are_looked_up_the_name_decides_too(tmp_path, files):
    table = tmp_path / "captions.csv"
    table.write_text("clip,start,end,text\na,0,4,one\n")
    cache = EncodingCache(tmp_path / "encodings", with_table(table))
    texts = {name: clip(None, name=name, brought=SEEN, end=4 * SECOND) for name in ("a", "b")}
    cache.fill(texts["a"])
    assert cache.missing(texts.values()) == [texts["b"]]


@pytest.fixture
def talk():
    """The toy film as a clip whose frames and sound the corpus brings."""
    (footage,) = film().stretches(None)
    return clip(None, brought={"frames": footage.frames, "waveform": footage.waveform}, end=footage.end)


def made_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*.npz")}


def test_pieces_make_the_whole_again(tmp_path, talk):
    plan = Plan.of(counted.settings())
    cache = EncodingCache(tmp_path, plan)
    cache.fill(talk)
    whole, found = impress(plan, talk.footages()), cache.load(talk)
    assert found.told.keys() == {"words", "voice"} == whole.told.keys()
    assert_alike(found, replace(whole, told={name: whole.told[name] for name in found.told}))
    key = ("audio", Grid(**toys.SHORT))
    some = cache.load(talk, only=[key])
    assert list(some.encodings) == [key]
    assert_alike(some.sightings, whole.sightings, why="whom rows are about is always told")


def test_a_clip_is_read_once_for_all_that_is_missing(tmp_path, talk):
    before = counted.ASKED["words"]
    EncodingCache(tmp_path, Plan.of(counted.settings())).fill(talk)
    assert counted.ASKED["words"] == before + 1, "faces, sound and words are perceived together"


def test_another_recipe_makes_only_what_is_missing(tmp_path, talk):
    first = counted.settings(text=None)
    cache = EncodingCache(tmp_path, Plan.of(first))
    cache.fill(talk)
    before, asked = made_in(tmp_path), dict(counted.ASKED)
    larger = EncodingCache(tmp_path, Plan.of(counted.settings()))
    assert list(larger.lacking([talk]).modalities) == ["text"]
    larger.fill(talk)
    assert asked == counted.ASKED, "words were understood for the first recipe already, and faces looked at"
    after = made_in(tmp_path)
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()
    assert_alike(larger.load(talk), EncodingCache(tmp_path, Plan.of(counted.settings())).load(talk))
    assert larger.load(talk).transcript == cache.load(talk).transcript


def test_how_a_modality_is_called_and_what_its_heads_are_decides_nothing(tmp_path, talk):
    settings = counted.settings()
    EncodingCache(tmp_path, Plan.of(settings)).fill(talk)
    face = settings.modalities["face"].model_dump(mode="json")
    other = {**face, "heads": {"mamba": {"kind": "mamba", "grid": face["heads"]["attention"]["grid"]}}}
    renamed = EncodingCache(tmp_path, Plan.of(counted.settings(face=None, gaze=other)))
    assert renamed.missing([talk]) == []
    ((_, grid),) = [key for key in renamed.load(talk).encodings if key[0] == "gaze"]
    assert grid == Grid(**toys.PAPERS)


def test_two_modalities_that_are_alike_share_what_is_kept(tmp_path, talk):
    face = counted.settings().modalities["face"].model_dump(mode="json")
    plan = Plan.of(counted.settings(beside=face))
    cache = EncodingCache(tmp_path, plan)
    assert set(cache.lacking([talk]).modalities) == set(plan.modalities)
    cache.fill(talk)
    assert_alike(cache.load(talk), impress(plan, talk.footages()))


def test_members_that_watch_by_different_cues_keep_what_their_own_saw(tmp_path, talk):
    settings = counted.settings()
    few = {**settings.cues["people"], "kind": "tests.tuning.counted:One"}
    beside = settings.modalities["face"].model_dump(mode="json")
    beside["settings"]["faces"] = "few"
    both = settings.model_copy(update={
        "cues": {**settings.cues, "few": few},
        "modalities": {**settings.modalities, "beside": type(settings.modalities["face"]).model_validate(beside)},
    })  # fmt: skip
    EncodingCache(tmp_path, Plan.of(both)).fill(talk)
    alone = Plan.of(settings.model_copy(update={
        "cues": {"few": few}, "modalities": {"beside": both.modalities["beside"]},
    }))  # fmt: skip
    cache = EncodingCache(tmp_path, alone)
    assert cache.missing([talk]) == []
    assert_alike(cache.load(talk), impress(alone, talk.footages()))
    assert set(cache.load(talk).sightings.tracks) == {0}


def test_a_cue_that_no_member_needs_is_told_of_too(tmp_path, talk):
    plan = Plan.of(counted.settings(face=None))
    cache = EncodingCache(tmp_path, plan)
    cache.fill(talk)
    assert_alike(cache.load(talk).sightings, impress(plan, talk.footages()).sightings)


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
