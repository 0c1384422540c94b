"""What a fusion learns: whom to believe, from whoever speaks."""

import math

import numpy as np
import pytest
import torch

from ensemble.fusion import MeanFusion, MultiHeadProbabilityFusion
from tests import toys
from tests.checks.fusions import configure, draw
from tests.tuning.toy_rows import TASKS, held
from tuning.fit import Data, FitSettings, fit
from tuning.objectives import FusionObjective, task_score


def fusion_rows(count=64, seed=0):
    """Five members, of whom one is right about expressions and the others draw."""
    opinions = draw(count, seed, presence=0.9)
    data = {}
    for name, task in TASKS.items():
        data[f"{name}.scores"] = torch.from_numpy(opinions.scores[name].transpose(1, 0, 2).copy())
        data[f"{name}.said"] = torch.from_numpy(opinions.said[name].transpose(1, 0, 2).copy())
        data[name] = torch.full((count, len(task.labels)), math.nan)
    data["expression"] = torch.from_numpy(np.eye(8, dtype=np.float32)[opinions.scores["expression"][0].argmax(1)])
    return data


def fusion_objective(**settings):
    kinds = {name: task.kind for name, task in TASKS.items()}
    return FusionObjective(kinds, **{"dropout": 0.2, "pull": 0.01, **settings})


def make_fusion():
    return toys.randomise(MultiHeadProbabilityFusion(configure(MultiHeadProbabilityFusion)), 3)


def test_a_fusion_learns_whom_to_believe():
    fusion, data = make_fusion(), fusion_rows()
    before = fusion_objective().score(fusion, held(data))
    score = fit(fusion, fusion_objective(), Data(held(data), None), FitSettings(epochs=60, batch=32, lr=0.05), seed=0)
    weights = fusion.weights("expression").detach()
    assert score > before
    assert (weights[0] > weights[1:].max(0).values).all()
    unlabelled = fusion.weights("action_units").detach()
    assert (unlabelled - 0.2).abs().max() < 0.1, "without labels it is pulled to the plain mean"


@pytest.mark.parametrize("task", ["expression", "valence_arousal", "action_units"])
def test_rows_that_nobody_speaks_about_do_not_spoil_a_fusion(task):
    fusion, data = make_fusion(), fusion_rows()
    data[task] = torch.rand(data[task].shape)
    silent = {name: column.clone() for name, column in data.items()}
    for name in TASKS:
        silent[f"{name}.said"][40:] = False
    few = {name: column[:40] for name, column in data.items()}
    losses, gradients = [], []
    for some in (few, silent):
        fusion.zero_grad()
        loss = fusion_objective(dropout=0.0).loss(fusion, some)
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in fusion.parameters()]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.isfinite(gradients[1]).all()
    assert torch.allclose(*gradients, atol=1e-5)


def test_dropping_every_member_leaves_the_pull_alone():
    fusion, data = make_fusion(), fusion_rows()
    loss = fusion_objective(dropout=1.0, pull=0.5).loss(fusion, data)
    expected = sum(0.5 * ((fusion.weights(name) - 0.2) ** 2).sum() for name in TASKS)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_plain_mean_is_scored_by_the_same_rule():
    mean, data = MeanFusion(configure(MeanFusion)), fusion_rows()
    scores = {
        name: mean(name, *(data[f"{name}.{part}"].transpose(0, 1) for part in ("scores", "said"))) for name in TASKS
    }
    kinds = {name: task.kind for name, task in TASKS.items()}
    assert fusion_objective().score(mean, held(data)) == task_score(scores, data, kinds)
