"""Every fusion on the whole road: however a clip is cut, kept or loaded, its rows are the same."""

import numpy as np
import pytest

from ensemble import bundle
from ensemble.catalog import FUSIONS
from ensemble.perception import Perception
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from modalities.types import SECOND
from tests import toys
from tests.checks.alike import assert_alike
from tests.checks.fusions import settle
from tests.films import film
from tuning.encodings import join

FILM = film(6.1)


def make(kind):
    plan = toys.plan(toys.SHORT, fusion={"kind": kind})
    settle(plan.fusion)
    return Recognizer(plan)


def run(recognizer, length=SECOND, wishes=None):
    return Timeline.join(list(recognizer.stream(FILM.stretches(length), wishes)))


@pytest.mark.parametrize("kind", list(FUSIONS))
def test_stretches_and_bulk_change_nothing(kind):
    recognizer = make(kind)
    whole = run(recognizer, None)
    assert_alike(whole.rows, run(recognizer, SECOND * 7 // 10).rows, 1e-5, "stretches")
    (piece,) = recognizer.combine([join(list(Perception(recognizer.plan).run(FILM.stretches(SECOND))))])
    assert_alike(whole.rows, piece.rows, 1e-5, "in bulk")


@pytest.mark.parametrize("kind", list(FUSIONS))
def test_a_bundle_answers_as_what_was_saved(kind, tmp_path):
    recognizer = make(kind)
    bundle.save(recognizer.plan, tmp_path / "bundle", {})
    with bundle.load(tmp_path / "bundle") as loaded:
        assert loaded.plan.fusion.config == recognizer.plan.fusion.config
        assert_alike(run(recognizer).rows, run(loaded).rows)


@pytest.mark.parametrize("kind", list(FUSIONS))
def test_members_that_are_left_out_contribute_nothing(kind):
    recognizer = make(kind)
    members = [member.name for member in recognizer.plan.members]
    verdict = run(recognizer, wishes=Wishes(without=frozenset(members[:2]))).verdict
    assert not verdict.contributions[:2].any()
    assert np.abs(verdict.contributions[2:]).max() > 1e-4
    for task, scores in verdict.scores.items():
        assert np.isfinite(scores[verdict.said[task]]).all()
