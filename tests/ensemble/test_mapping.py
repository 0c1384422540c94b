"""Mappings: the published numbers, by hand where nothing is published, and what is refused."""

from typing import ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.fusion import MeanFusion
from ensemble.mapping import PairProduct, PairSum, ThresholdedPairSum, WeightedPairMean, normalise
from ensemble.mapping.rules import SEVENTH, WEIGHTS
from ensemble.plan import Plan
from modalities.labels import ABAW_PAIRS, EXPRESSION
from modalities.part import Part
from tests import toys
from tests.checks.mappings import OTHER_PAIRS, RAFDB_PAIRS, agree, without_compound
from tests.golden import f2, golden, softmax

RULES = {
    (False, False): (PairSum, {}),
    (False, True): (WeightedPairMean, {}),
    (True, False): (ThresholdedPairSum, {}),
    (True, True): (WeightedPairMean, {"threshold": SEVENTH}),
}


class OwnDirichlet(MeanFusion):
    """A stranger's fusion that says it is one of Dirichlet weights."""

    name: ClassVar[str] = "dirichlet"


def made(kind: type[Part], pairs=ABAW_PAIRS, **settings):
    return kind(kind.Config.model_validate({"pairs": dict(pairs), **settings}))


def mapped(mapping, rows):
    opinions, fused = agree(rows)
    scores, said = mapping.compound(opinions, without_compound(fused))
    assert said.all()
    return scores


def test_ppa_is_the_published_one():
    entry = golden("released", "ppa_get_compound_prob")
    rows = softmax(2 * f2(20, 8))
    rows[0] = 1 / 8
    scores = mapped(made(PairSum), rows)
    assert np.allclose(scores, entry["output"], atol=1e-6)
    assert scores.argmax(axis=1).tolist() == entry["argmax"]


@pytest.mark.parametrize("rules", list(RULES))
def test_rules_are_the_published_ones(rules):
    """The scores need not sum to one, and the first row is exactly on the threshold everywhere."""
    cases = golden("released", "avcer_compound_rules")["cases"]
    (case,) = [one for one in cases if (one["ce_mask"], one["ce_weights_type"]) == rules]
    rows = (1 + 0.05 * np.arange(20)[:, None]) * softmax(0.7 * f2(20, 7))
    rows[0] = 1 / 7
    kind, settings = RULES[rules]
    scores = mapped(made(kind, **settings), np.pad(rows, ((0, 0), (0, 1))))
    assert np.allclose(scores, case["output"], atol=1e-6)
    assert scores.argmax(axis=1).tolist() == case["argmax"]


@pytest.mark.parametrize("pairs", [ABAW_PAIRS, RAFDB_PAIRS, OTHER_PAIRS], ids=["abaw", "rafdb", "own"])
def test_each_pair_by_hand(pairs):
    """Sums, products and weighted means, of independent expressions as of a distribution."""
    rng = np.random.default_rng(0)
    weights = {**WEIGHTS, "Other": 3.0}
    for rows in (rng.dirichlet(np.ones(8), 12).astype(np.float32), rng.random((12, 8)).astype(np.float32)):
        found = {
            "ppa": mapped(made(PairSum, pairs), rows),
            "product": mapped(made(PairProduct, pairs), rows),
            "rule1": mapped(made(ThresholdedPairSum, pairs, threshold=0.2), rows),
            "rule2": mapped(made(WeightedPairMean, pairs, weights=weights), rows),
        }
        for column, parts in enumerate(pairs.values()):
            one, other = (rows[:, place] for place in EXPRESSION.labels.positions(parts))
            d_1, d_2 = (weights[part] for part in parts)
            expected = {
                "ppa": one + other,
                "product": one * other,
                "rule1": one * (one > 0.2) + other * (other > 0.2),
                "rule2": (d_1 * one + d_2 * other) / (d_1 + d_2),
            }
            for name, values in expected.items():
                assert np.allclose(found[name][:, column], values, atol=1e-6), (name, parts)


def test_rule2_needs_a_weight_for_every_part():
    with pytest.raises(ValidationError, match=r"no weight for Other, only for Anger.*give `weights`"):
        made(WeightedPairMean, OTHER_PAIRS)
    with pytest.raises(ValidationError, match="greater than 0"):
        made(WeightedPairMean, weights={**WEIGHTS, "Fear": 0})


@pytest.mark.parametrize("mapping", [{"kind": "rule1"}, {"kind": "rule2", "threshold": 0.1}], ids=["rule1", "both"])
def test_rule1_is_refused_after_another_fusion(mapping):
    sentence = "defined only after the fusion dirichlet, but the fusion is m"
    for fusion in ("mhpf", "mean"):
        with pytest.raises(ValueError, match=sentence):
            Plan.of(toys.settings(mapping=mapping, fusion={"kind": fusion}))
    own = {"kind": "tests.ensemble.test_mapping:OwnDirichlet"}
    assert Plan.of(toys.settings(mapping=mapping, fusion=own)).mapping.name == mapping["kind"]
    assert Plan.of(toys.settings(mapping=mapping, fusion={"kind": "dirichlet"})).mapping.name == mapping["kind"]


@pytest.mark.parametrize("kind", ["ppa", "product", "rule2"])
def test_others_are_for_any_fusion(kind):
    assert Plan.of(toys.settings(mapping={"kind": kind}, fusion={"kind": "mean"})).mapping.name == kind


def test_normalise_divides_what_is_said():
    scores = np.array([[1, 3, 9], [0, 0, 0], [2, 2, 2]], np.float32)
    said = np.array([[True, True, False], [True, True, True], [False, False, False]])
    assert np.allclose(normalise(scores, said), [[0.25, 0.75, 0], [1 / 3] * 3, [1 / 3] * 3])


@pytest.mark.parametrize("share", [-0.1, 1.1, "much"])
def test_a_share_is_between_nothing_and_all(share):
    with pytest.raises(ValidationError):
        made(PairSum, spoken_share=share)
