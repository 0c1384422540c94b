"""Feature fusion: looks at features, at everybody's, and only where somebody is."""

import numpy as np
import pytest

from ensemble.catalog import FUSIONS
from ensemble.fusion import FeatureFusion
from ensemble.plan import Plan
from modalities.catalog import build
from tests import toys
from tests.checks.fusions import EVERYTHING, MEMBERS, WIDTHS, changed, configure, draw

OPINIONS = draw(presence=1.0)


def make(**settings):
    """Make one with drawn weights."""
    return toys.randomise(FeatureFusion(configure(FeatureFusion, **settings)))


def other(values, seed=1):
    """Other values of the same shape."""
    return np.random.default_rng(seed).random(values.shape).astype(np.float32)


@pytest.mark.parametrize("member", list(WIDTHS))
def test_features_of_each_member_matter(member):
    fusion = make()
    features = {**OPINIONS.features, member: other(OPINIONS.features[member])}
    before, after = fusion.fuse(OPINIONS), fusion.fuse(changed(OPINIONS, features=features))
    assert all(np.abs(before[task][0] - after[task][0]).max() > 1e-3 for task in before)


def test_scores_matter_only_of_members_without_features():
    fusion, (silent,) = make(), set(MEMBERS) - set(WIDTHS)
    before = fusion.fuse(OPINIONS)
    for row, member in enumerate(MEMBERS):
        scores = {task: values.copy() for task, values in OPINIONS.scores.items()}
        for values in scores.values():
            values[row] = other(values[row])
        after = fusion.fuse(changed(OPINIONS, scores=scores))
        moved = max(np.abs(before[task][0] - after[task][0]).max() for task in before)
        assert (moved > 1e-3) == (member == silent), member


def test_features_of_another_width_are_refused():
    features = {**OPINIONS.features, "audio": OPINIONS.features["audio"][:, :2]}
    with pytest.raises(ValueError, match="audio has to bring 6 features, but there are 2"):
        make().fuse(changed(OPINIONS, features=features))
    with pytest.raises(ValueError, match="there are none"):
        make().fuse(changed(OPINIONS, features={}))


def test_its_sizes_are_those_of_the_paper_but_for_the_feed_forward_layer():
    fusion = make()
    assert [layer.self_attn.num_heads for layer in fusion.trunk.layers] == [4, 4]
    assert {layer.self_attn.embed_dim for layer in fusion.trunk.layers} == {128}
    assert fusion.trunk.layers[0].linear1.out_features == 256
    assert make(feedforward=2048).trunk.layers[0].linear1.out_features == 2048


def test_its_layers_are_not_alike_at_birth():
    one, two = FeatureFusion(configure(FeatureFusion)).trunk.layers
    assert not np.allclose(one.linear1.weight.detach(), two.linear1.weight.detach())
    assert not np.allclose(one.self_attn.in_proj_weight.detach(), two.self_attn.in_proj_weight.detach())


def test_the_plan_knows_how_wide_features_are():
    plan = Plan.of(toys.settings(fusion={"kind": "feature", "token": 64}))
    assert plan.fusion.config.widths == {member: head.features_width for member, head in plan.heads.items()}
    assert toys.plan().fusion.config.widths == {}, "a fusion that looks at none need not know"


@pytest.mark.parametrize("heads", [3, 5])
def test_heads_that_cannot_share_a_token_are_refused(heads):
    settings = {"speaks": EVERYTHING, "tasks": configure(FeatureFusion).model_dump()["tasks"], "heads": heads}
    with pytest.raises(ValueError, match="share"):
        build({"kind": "feature", **settings}, FUSIONS)
