"""Expressions that are each told for themselves: sigmoids from the heads to the timeline, and pairs of them."""

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble import bundle
from ensemble.perception import Perception
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.labels import ABAW_PAIRS, EXPRESSION
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tuning.encodings import join

FILM = film(6.1)
PLAN = toys.plan(toys.PAPERS, expression_kind="independent", mapping={"kind": "ppa"})


def test_every_part_knows_the_kind():
    assert PLAN.tasks["expression"].kind == "independent"
    assert {head.config.kinds["expression"] for head in PLAN.heads.values()} == {"independent"}
    assert PLAN.fusion.config.tasks["expression"].kind == "independent"
    assert PLAN.tasks["compound"].kind == "distribution"
    assert Plan.of(toys.settings()).tasks["expression"] == EXPRESSION


def test_scores_are_not_made_to_sum_to_one():
    impression = join(list(Perception(PLAN).run(FILM.stretches(None))))
    recognizer = Recognizer(PLAN)
    opinions = recognizer.combine([impression])
    (piece,) = opinions
    scores, said = piece.verdict.scores["expression"], piece.verdict.said["expression"]
    assert said.any()
    assert ((scores > 0) & (scores < 1))[said].all()
    sums = scores[said.all(axis=1)].sum(axis=1)
    assert np.ptp(sums) > 0.05
    assert abs(sums - 1).min() > 0.05
    fused = PLAN.fusion.fuse(piece.verdict.opinions)
    pairs, _ = PLAN.mapping.map(piece.verdict.opinions, fused)
    for column, parts in enumerate(ABAW_PAIRS.values()):
        expected = scores[:, EXPRESSION.labels.positions(parts)].sum(axis=1)
        np.testing.assert_allclose(pairs[:, column], expected, atol=1e-6)


def test_a_bundle_keeps_it(tmp_path):
    bundle.save(PLAN, tmp_path / "bundle")
    one, other = Recognizer(PLAN), bundle.load(tmp_path / "bundle")
    assert other.plan.tasks == PLAN.tasks
    rows = [Timeline.join(list(each.stream(FILM.stretches(None)))).rows for each in (one, other)]
    assert_alike(*rows, 1e-6)


def test_another_kind_is_refused():
    with pytest.raises(ValidationError, match="expression_kind"):
        toys.settings(expression_kind="continuous")
