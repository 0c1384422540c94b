"""Prompts of a request: answered beside the fused result by members that can compare, and never mixed into it."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from ensemble.bundle import load, save
from ensemble.matches import MOST_PROMPTS
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from ensemble.write import SCHEMA, Origin, document
from modalities.encoders.clip import ClipPicture, ClipText
from modalities.types import SECOND
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film

FILM = film(5.6)
ASKED = ("a person crying", "a red square", "somebody who looks very surprised")
MATCHERS = ("match.frozen", "seen.trained")


def settings():
    """Return the toy plan with two members more that can compare: a frozen CLIP, and one that is to be trained."""
    table = toys.settings().model_dump(mode="json")
    frozen = {"kind": "match", "grid": toys.SHORT, "settings": {"preset": "tiny"}}
    trained = {"kind": "clip", "grid": "frames", "settings": {"size": 16, "hidden": 64}}
    table["modalities"]["match"] = {
        "kind": "match",
        "heads": {"frozen": frozen},
        "settings": {"encoder": {"kind": "clip_picture", "preset": "tiny"}},
    }
    table["modalities"]["seen"] = {
        "kind": "match",
        "heads": {"trained": trained},
        "settings": {"encoder": {"kind": "pixels", "size": 16}},
    }
    return type(toys.settings()).model_validate(table)


@pytest.fixture(scope="module")
def recognizer():
    plan = Plan.of(settings())
    for number, part in enumerate([*plan.heads.values(), plan.fusion]):
        toys.randomise(part, number)
    return Recognizer(plan)


def run(recognizer, wishes=None, length=None):
    return Timeline.join(list(recognizer.stream(FILM.stretches(length), wishes)))


@pytest.fixture(scope="module")
def asked(recognizer):
    return run(recognizer, Wishes(prompts=ASKED))


def test_the_fused_result_is_the_same_bit_for_bit(recognizer, asked):
    silent = run(recognizer)
    assert silent.matches is None
    assert_alike(replace(asked, matches=None), silent)


def test_every_member_that_can_compare_answers(asked):
    assert asked.matches.prompts == ASKED
    assert tuple(asked.matches.members) == MATCHERS
    for match in asked.matches.members.values():
        assert match.cosines.shape == match.shares.shape == (len(match.segments), len(ASKED))
        assert match.present.all()
        assert np.abs(match.cosines).max() <= 1
        assert np.ptp(match.cosines, axis=0).max() > 1e-4
        assert match.shares.sum(1) == pytest.approx(1, abs=1e-5)
    frozen, trained = (asked.matches.members[name].segments for name in MATCHERS)
    assert [(s.start, s.end) for s in frozen][:2] == [(0, 2_000_000), (1_000_000, 3_000_000)]
    assert all(segment.duration == 200_000 for segment in trained)


def test_it_is_the_cosine_of_what_was_seen_and_asked(asked):
    match = asked.matches.members["match.frozen"]
    footage = FILM.stretches(None)[0]
    pictures = ClipPicture(ClipPicture.Config(preset="tiny")).encode(footage.frames.images)
    texts = ClipText(ClipText.Config(preset="tiny")).encode(ASKED)
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (pictures, texts)]
    for segment, cosines, shares in zip(match.segments, match.cosines, match.shares, strict=True):
        inside = (footage.frames.times >= segment.start) & (footage.frames.times < segment.end)
        expected = (unit[0][inside] @ unit[1].T).mean(0)
        assert cosines == pytest.approx(expected, abs=1e-5)
        raised = np.exp(expected.astype(np.float64) / 0.07)
        assert shares == pytest.approx(raised / raised.sum(), abs=1e-3)


@pytest.mark.parametrize("length", [SECOND * 7 // 10, SECOND * 37 // 10])
def test_the_length_of_stretches_does_not_matter(recognizer, asked, length):
    found = run(recognizer, Wishes(prompts=ASKED), length)
    for name, match in asked.matches.members.items():
        assert_alike(found.matches.members[name], match, 1e-4, name)


def test_a_bundle_answers_alike(recognizer, asked, tmp_path):
    save(recognizer.plan, tmp_path)
    with load(tmp_path) as loaded:
        assert_alike(run(loaded, Wishes(prompts=ASKED)).matches, asked.matches, 1e-6)


def test_a_member_that_is_left_out_is_not_asked(recognizer, asked):
    one, *others = MATCHERS
    found = run(recognizer, Wishes(frozenset({one}), prompts=ASKED))
    assert list(found.matches.members) == others
    for name in others:
        assert_alike(found.matches.members[name], asked.matches.members[name])
    with pytest.raises(ValueError, match="no member can compare"):
        run(recognizer, Wishes(frozenset(MATCHERS), prompts=ASKED))


def test_prompts_that_cannot_be_answered_are_refused(recognizer):
    for prompts, why in (
        (("a smile", "  "), "a prompt is empty"),
        (("a smile",) * (MOST_PROMPTS + 1), f"there are 33 prompts, but at most {MOST_PROMPTS}"),
        (("smile " * 60,), "has 360 characters, but at most 300"),
    ):
        with pytest.raises(ValueError, match=why):
            run(recognizer, Wishes(prompts=prompts))
    with pytest.raises(ValueError, match=r"no member can compare .*there are face\.static.*the modality match"):
        run(Recognizer(toys.plan()), Wishes(prompts=ASKED))


def test_the_document_holds_the_answers(recognizer, asked):
    schema, origin = json.loads(SCHEMA.read_text()), Origin("bundle", "0" * 64, {}, recognizer.plan.settings.compounds)
    content, silent = (document(timeline, origin) for timeline in (asked, run(recognizer)))
    for one in (content, silent):
        jsonschema.validate(one, schema)
    assert content["prompts"] == list(ASKED)
    assert silent["prompts"] is silent["matches"] is None
    assert {**content, "prompts": None, "matches": None} == silent
    match = asked.matches.members["seen.trained"]
    rows = [row for row in content["matches"] if row["member"] == "seen.trained"]
    assert len(rows) == len(match.segments)
    assert rows[1]["start"] == match.segments[1].start / SECOND
    assert rows[1]["cosines"] == pytest.approx(match.cosines[1].tolist(), abs=1e-5)
    assert rows[1]["shares"] == pytest.approx(match.shares[1].tolist(), abs=1e-5)
