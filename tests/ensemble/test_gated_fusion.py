"""Gated fusion: nothing but the mean at first, then whoever is sure."""

import numpy as np
import pytest
import torch

from ensemble.fusion import Evidence, GatedFusion, MeanFusion
from tests.checks.fusions import DOUBTING, MEMBERS, TASKS, configure, draw

EXPRESSION = "expression"


def make(slopes=None, task=EXPRESSION):
    """Make one whose members all listen to the same signs of a task."""
    fusion = GatedFusion(configure(GatedFusion))
    if slopes is not None:
        with torch.no_grad():
            fusion.slope[task].copy_(torch.tensor(slopes)[:, None].expand(-1, len(MEMBERS)))
    return fusion


def test_a_new_one_is_the_plain_mean():
    opinions, mean = draw(), MeanFusion(configure(MeanFusion))
    for task, (fused, _) in mean.fuse(opinions).items():
        assert np.allclose(fused, make().fuse(opinions)[task][0], atol=1e-6)
        assert make().pulled(task) == 0


@pytest.mark.parametrize("sign", [0, 1])
def test_members_that_are_surer_of_a_distribution_count_for_more(sign):
    slopes = [0.0, 0.0, 0.0]
    slopes[sign] = 5.0
    opinions = draw(presence=1.0)
    weights = make(slopes).weights_at(EXPRESSION, Evidence.of(opinions))[..., 0].detach().numpy()
    scores = opinions.scores[EXPRESSION]
    sureness = (scores.max(-1), (scores * np.log(scores + 1e-12)).sum(-1))[sign]
    assert (weights.argsort(0) == sureness.argsort(0)).all()
    expected = (scores.max(-1), 1 + (scores * np.log(scores + 1e-12)).sum(-1) / np.log(8))[sign]
    odds = np.log(weights[0] / weights[1])
    assert np.allclose(odds, 5 * (expected[0] - expected[1]), atol=1e-4)


def test_labels_that_exclude_nothing_are_weighed_one_by_one():
    opinions = draw(presence=1.0)
    weights = make([4.0, 0.0], "action_units").weights_at("action_units", Evidence.of(opinions)).detach().numpy()
    sureness = np.abs(2 * opinions.scores["action_units"] - 1)
    assert (weights.argsort(0) == sureness.argsort(0)).all()


def test_who_states_doubts_counts_for_less_where_they_are_great():
    opinions, row = draw(presence=1.0), MEMBERS.index(DOUBTING)
    weights = make([0.0, 0.0, 1.0]).weights_at(EXPRESSION, Evidence.of(opinions))[row].detach().numpy()
    doubts = opinions.uncertainty[EXPRESSION][row]
    assert np.allclose(weights, (1 / doubts) / (1 / doubts + 4), atol=1e-5), "the others state none, and stay at one"


@pytest.mark.parametrize("task", list(TASKS))
def test_there_are_few_parameters(task):
    fusion = make()
    assert fusion.slope[task].numel() <= 3 * len(MEMBERS)
    assert fusion.bias[task].shape == (len(MEMBERS), len(TASKS[task].labels))


def test_slopes_are_pulled_to_the_mean_too():
    assert make([1.0, 0.0, 2.0]).pulled(EXPRESSION).item() == pytest.approx(5 * len(MEMBERS))
