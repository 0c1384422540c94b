"""Dirichlet and hierarchical fusion: weights that a search has found, against the published code's numbers."""

import numpy as np
import pytest

from ensemble.fusion import DirichletFusion, HierarchicalFusion, MeanFusion
from ensemble.opinions import Opinions
from modalities.labels import EXPRESSION
from modalities.types import Segment
from tests.checks.fusions import EVERYTHING, TASKS, changed, configure, draw, settle
from tests.golden import g3, golden, softmax

SEVEN = EXPRESSION.labels.names[:-1]
MEMBERS = ("static", "dynamic", "audio")


def recall(scores, truth):
    """The mean recall of all classes but Neutral, which is the first."""
    guess = scores.argmax(-1)
    return np.mean([(guess[truth == label] == label).mean() for label in range(1, 7)])


def published():
    """What three members say of seven classes, and the truth: formulas of the golden vectors' page."""
    m, n, c = np.indices((3, 126, 7))
    truth = np.arange(126) % 7
    return softmax(1.2 * g3(3, 126, 7) + (c == truth[n]) * (0.9 + 0.7 * np.cos(1.7 * m + 1.3 * c))), truth


def fuse(fusion, scores):
    """Fuse what three members say of seven classes, all present."""
    scores = scores.astype(np.float32)
    said = np.ones(scores.shape, np.bool_)
    segments = tuple(Segment(row, row + 1) for row in range(scores.shape[1]))
    opinions = Opinions(segments, MEMBERS, said[..., 0], {"expression": scores}, {"expression": said})
    return fusion.fuse(opinions)["expression"][0]


def make_for_seven(part):
    """Three members and one task of seven classes."""
    speaks = {member: {"expression": SEVEN} for member in MEMBERS}
    task = {"expression": {"kind": "distribution", "labels": SEVEN}}
    return part(part.Config.model_validate({"speaks": speaks, "tasks": task}))


def test_dirichlet_is_the_published_one():
    found, (scores, truth) = golden("released", "dirichlet_search"), published()
    fusion = make_for_seven(DirichletFusion)
    assert recall(fuse(fusion, scores), truth) == pytest.approx(found["uniform_objective"])
    weights = np.array(found["best_weights"])
    assert fusion.settle("expression", weights) == ()
    raw = (weights[:, None] * scores).sum(0)
    assert np.allclose(fuse(fusion, scores), raw / raw.sum(-1, keepdims=True), atol=1e-6)
    assert recall(raw, truth) == pytest.approx(found["best_objective"])


@pytest.mark.parametrize("which", ["V_with_audio_in_third_place", "V_as_released_call"])
def test_hierarchical_is_the_published_one_up_to_the_sum_of_a_row(which):
    golden_search, (scores, truth) = golden("released", "dirichlet_search"), published()
    weights, found = np.array(golden_search["best_weights"]), golden_search["hierarchical"]
    fusion = make_for_seven(HierarchicalFusion)
    fusion.settle("expression", weights)
    fusion.settle_members("expression", found[which])
    raw = (weights[:, None] * np.array(found[which])[:, None, None] * scores).sum(0)
    fused = fuse(fusion, scores)
    assert np.allclose(fused, raw / raw.sum(-1, keepdims=True), atol=1e-6)
    objective = {"V_with_audio_in_third_place": "with_V_with_audio", "V_as_released_call": "with_V_as_released_call"}
    assert recall(fused, truth) == pytest.approx(found[f"final_objective_{objective[which]}"])


def test_with_equal_member_weights_it_is_dirichlet():
    plain, both = (settle(part(configure(part))) for part in (DirichletFusion, HierarchicalFusion))
    for task in TASKS:
        both.settle(task, plain.weights(task).numpy())
        both.settle_members(task, np.full(5, 0.3))
    opinions = draw()
    for task, (fused, _) in plain.fuse(opinions).items():
        assert np.allclose(fused, both.fuse(opinions)[task][0], atol=1e-6)


def test_classes_keep_their_scale_when_members_are_absent():
    fusion, opinions = settle(HierarchicalFusion(configure(HierarchicalFusion))), draw()
    weights, scale = fusion.weights("expression").numpy(), fusion.scale("expression").numpy()
    said, scores = opinions.said["expression"], opinions.scores["expression"]
    there = weights[:, None] * said
    raw = scale * (there * scores).sum(0) / there.sum(0)
    assert (~said).any()
    assert np.allclose(fusion.fuse(opinions)["expression"][0], raw / raw.sum(-1, keepdims=True), atol=1e-6)


def test_until_weights_are_found_all_members_are_equal():
    opinions = draw()
    for part in (DirichletFusion, HierarchicalFusion):
        fusion = part(configure(part))
        assert not list(fusion.parameters())
        for task, (fused, _) in MeanFusion(configure(MeanFusion)).fuse(opinions).items():
            assert np.allclose(fused, fusion.fuse(opinions)[task][0], atol=1e-6)


def test_a_published_class_that_does_not_sum_to_one_is_divided_and_named():
    """Disgust of SUN's seven-class matrix: .258 + .624 + .171."""
    fusion = make_for_seven(DirichletFusion)
    weights = np.full((3, 7), 1 / 3).round(4)  # the other classes are only rounded
    weights[:, 2] = 0.258, 0.624, 0.171
    assert fusion.settle("expression", weights) == ("Disgust",)
    assert np.allclose(fusion.weights("expression").sum(0), 1, atol=1e-6)
    assert fusion.weights("expression")[1, 2].item() == pytest.approx(0.624 / 1.053)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (np.ones((7, 3)), r"\(3, 7\), but \(7, 3\)"),
        (np.eye(3, 7), "Happiness, Sadness, Surprise"),
        (np.full((3, 7), -1.0), "Neutral"),
        (np.full((3, 7), np.nan), "Neutral"),
    ],
)
def test_weights_that_are_none_are_refused(weights, told):
    fusion = make_for_seven(DirichletFusion)
    with pytest.raises(ValueError, match=told):
        fusion.settle("expression", weights)
    assert np.allclose(fusion.weights("expression"), 1 / 3), "and nothing is changed"


@pytest.mark.parametrize(
    ("weights", "told"), [([0.1, 0.2], "3 members"), ([0.1, 0.2, 0.6], "0.6"), ([0, 0.1, 0.2], "0.01")]
)
def test_member_weights_out_of_bounds_are_refused(weights, told):
    with pytest.raises(ValueError, match=told):
        make_for_seven(HierarchicalFusion).settle_members("expression", weights)


def test_values_that_are_no_distribution_are_not_made_small():
    fusion, opinions = settle(HierarchicalFusion(configure(HierarchicalFusion))), draw(presence=1.0)
    alike = {task: np.repeat(values[:1], len(EVERYTHING), 0) for task, values in opinions.scores.items()}
    fused = fusion.fuse(changed(opinions, scores=alike))
    for task in ("action_units", "valence_arousal"):
        assert np.allclose(fused[task][0], alike[task][0], atol=1e-6)
