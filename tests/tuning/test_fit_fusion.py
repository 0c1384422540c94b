"""What a fusion learns: whom to believe, from whoever speaks."""

import math

import numpy as np
import pytest
import torch

from ensemble.catalog import FUSIONS
from ensemble.fusion import DirichletFusion, FeatureFusion, GatedFusion, MeanFusion, MultiHeadProbabilityFusion
from tests import toys
from tests.checks.fusions import MEMBERS, changed, configure, draw
from tests.tuning.toy_rows import TASKS, held
from tuning.fit import Data, FitSettings, fit
from tuning.fusing import Heard, fit_fusion
from tuning.fusion_objective import FEATURES, FusionObjective, evidence
from tuning.losses import soft_focal
from tuning.metrics import ccc
from tuning.objectives import task_score

EVERYBODY = torch.ones(len(MEMBERS), dtype=torch.bool)


def fusion_rows(count=64, seed=0):
    """Five members, of whom one is right about expressions and the others draw."""
    opinions = draw(count, seed, presence=0.9)
    data = {}
    for name, task in TASKS.items():
        data[f"{name}.scores"] = torch.from_numpy(opinions.scores[name].transpose(1, 0, 2).copy())
        data[f"{name}.said"] = torch.from_numpy(opinions.said[name].transpose(1, 0, 2).copy())
        data[f"{name}.uncertainty"] = torch.from_numpy(opinions.uncertainty[name].transpose(1, 0, 2).copy())
        data[name] = torch.full((count, len(task.labels)), math.nan)
    data |= {FEATURES + member: torch.from_numpy(values) for member, values in opinions.features.items()}
    data["expression"] = torch.from_numpy(np.eye(8, dtype=np.float32)[opinions.scores["expression"][0].argmax(1)])
    return data


def fusion_objective(**settings):
    kinds = {name: task.kind for name, task in TASKS.items()}
    return FusionObjective(kinds, **{"dropout": 0.2, "pull": 0.01, **settings})


def make_fusion():
    return toys.randomise(MultiHeadProbabilityFusion(configure(MultiHeadProbabilityFusion)), 3)


def fuse(fusion, task, data):
    """What a fusion says about all rows of a task."""
    everything = torch.ones(len(data[task]), dtype=torch.bool)
    return fusion(evidence(data, tuple(TASKS), everything, EVERYBODY), (task,))[task]


def test_a_fusion_learns_whom_to_believe():
    fusion, data = make_fusion(), fusion_rows()
    before = fusion_objective().score(fusion, held(data))
    score = fit(fusion, fusion_objective(), Data(held(data), None), FitSettings(epochs=60, batch=32, lr=0.05), seed=0)
    weights = fusion.weights("expression").detach()
    assert score > before
    assert (weights[0] > weights[1:].max(0).values).all()
    unlabelled = fusion.weights("action_units").detach()
    assert (unlabelled - 0.2).abs().max() < 0.1, "without labels it is pulled to the plain mean"


@pytest.mark.parametrize("part", [MultiHeadProbabilityFusion, GatedFusion, FeatureFusion])
@pytest.mark.parametrize("task", ["expression", "valence_arousal", "action_units"])
def test_rows_that_nobody_speaks_about_do_not_spoil_a_fusion(task, part):
    fusion, data = toys.randomise(part(configure(part)), 3).eval(), fusion_rows()
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
        gradients.append(torch.cat([p.grad.flatten() for p in fusion.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.isfinite(gradients[1]).all()
    assert torch.allclose(*gradients, atol=1e-5)


@pytest.mark.parametrize(("task", "column"), [("valence_arousal", 1), ("action_units", 9)])
def test_a_column_that_is_labelled_alone_is_learnt_alone(task, column):
    fusion, data = make_fusion(), fusion_rows()
    data["expression"][:] = math.nan
    data[task][:, column] = torch.rand(64)
    loss = fusion_objective(dropout=0.0, pull=0.0).loss(fusion, data)
    loss.backward()
    heard = data[f"{task}.said"].any(1).any(-1)
    fused, truth = fuse(fusion, task, data)[heard, column].detach(), data[task][heard, column]
    expected = {
        "valence_arousal": 1 - ccc(truth.numpy(), fused.numpy()),
        "action_units": torch.nn.functional.binary_cross_entropy(fused.clamp(0, 1), truth).item(),
    }
    assert loss.item() == pytest.approx(expected[task], rel=1e-4)
    moved = fusion.member_logits[task].grad.abs().sum((0, 1))
    assert moved[column] > 0
    assert moved.sum() == moved[column], "the other columns are not labelled"


@pytest.mark.parametrize("part", [GatedFusion, FeatureFusion])
def test_dropping_every_member_teaches_nothing(part):
    fusion = part(configure(part))
    before = fusion.state()
    settings = FitSettings(epochs=1, batch=32, weight_decay=0)
    fit(fusion, fusion_objective(dropout=1.0), Data(held(fusion_rows()), None), settings, seed=0)
    assert all(np.array_equal(before[name], value) for name, value in fusion.state().items())


def test_dropping_every_member_leaves_the_pull_alone():
    fusion, data = make_fusion(), fusion_rows()
    loss = fusion_objective(dropout=1.0, pull=0.5).loss(fusion, data)
    expected = sum(0.5 * ((fusion.weights(name) - 0.2) ** 2).sum() for name in TASKS)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_plain_mean_is_scored_by_the_same_rule():
    mean, data = MeanFusion(configure(MeanFusion)), fusion_rows()
    scores = {name: fuse(mean, name, data) for name in TASKS}
    kinds = {name: task.kind for name, task in TASKS.items()}
    assert fusion_objective().score(mean, held(data)) == task_score(scores, data, kinds)


def test_a_gated_fusion_learns_that_who_is_sure_is_right():
    """Each row has one member that knows, and says so clearly; the others hardly prefer anything."""
    data, rng = fusion_rows(), np.random.default_rng(0)
    truth = rng.integers(0, 8, 64)
    scores = rng.dirichlet(np.full(8, 30.0), (64, len(MEMBERS))).astype(np.float32)
    scores[:, 1] = 0.35 * np.eye(8)[rng.integers(0, 8, 64)] + 0.65 * scores[:, 1]  # and one is wrong, but less sure
    scores[:, 2] = scores[:, 1]
    scores[np.arange(64), rng.integers(3, 5, 64)] = 0.1 / 7 + (0.9 - 0.1 / 7) * np.eye(8)[truth]
    data["expression.scores"], data["expression.said"] = torch.from_numpy(scores), torch.ones(64, 5, 8).bool()
    data["expression"] = torch.from_numpy(np.eye(8, dtype=np.float32)[truth])
    losses = {}
    for part in (GatedFusion, MultiHeadProbabilityFusion):
        fusion = part(configure(part))
        settings = FitSettings(epochs=20, batch=32, lr=0.1)
        fit(fusion, fusion_objective(dropout=0.0), Data(held(data), None), settings, seed=0)
        losses[part] = fusion_objective(dropout=0.0, pull=0.0).loss(fusion, data).item()
    assert losses[GatedFusion] < 0.8 * losses[MultiHeadProbabilityFusion]


def test_a_feature_fusion_learns_from_features():
    data, rng = fusion_rows(), np.random.default_rng(0)
    truth = rng.integers(0, 4, 64)
    data["expression"] = torch.from_numpy(np.eye(8, dtype=np.float32)[truth])
    data["expression.said"] = torch.ones(64, 5, 8).bool()
    for member in ("face.a", "audio"):
        data[FEATURES + member][:, :4] = torch.from_numpy(3 * np.eye(4, dtype=np.float32)[truth])
    fusion = FeatureFusion(configure(FeatureFusion))
    settings = FitSettings(epochs=8, batch=16, lr=2e-3)
    fit(fusion, fusion_objective(dropout=0.3), Data(held(data), None), settings, seed=0)
    assert (fuse(fusion, "expression", data).argmax(1).numpy() == truth).all()
    for alone in ("face.a", "audio"):
        kept = torch.tensor([member == alone for member in MEMBERS])
        seen = evidence(data, tuple(TASKS), torch.ones(64, dtype=torch.bool), kept)
        assert (fusion(seen, ("expression",))["expression"].argmax(1).numpy() == truth).mean() > 0.9, alone


def test_a_member_that_is_dropped_is_not_looked_at():
    fusion, data = toys.randomise(FeatureFusion(configure(FeatureFusion)), 1).eval(), fusion_rows()
    kept = torch.tensor([member != "text" for member in MEMBERS])
    rows = torch.ones(64, dtype=torch.bool)
    before = fusion(evidence(data, tuple(TASKS), rows, kept), tuple(TASKS))
    data[FEATURES + "text"][:] = math.nan
    after = fusion(evidence(data, tuple(TASKS), rows, kept), tuple(TASKS))
    assert all(torch.equal(before[task], after[task]) for task in TASKS)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_likelihood_may_be_focal(gamma):
    fusion, data = make_fusion(), fusion_rows()
    loss = fusion_objective(dropout=0.0, pull=0.0, gamma=gamma).loss(fusion, data)
    expected = soft_focal(fuse(fusion, "expression", data).log(), data["expression"], gamma=gamma)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_certain_answer_does_not_spoil_a_gradient(gamma):
    fusion, data = make_fusion(), fusion_rows()
    data["expression.scores"] = data["expression"][:, None].expand(-1, 5, -1).clone()
    fusion_objective(dropout=0.0, gamma=gamma).loss(fusion, data).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in fusion.parameters())


SEARCHED = ("dirichlet", "hierarchical")
"""Their weights are found by trying thousands, which takes seconds."""


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SEARCHED else []) for kind in FUSIONS]
)
def test_every_fusion_is_fitted_by_the_same_call(kind, loss):
    plan, rng = toys.plan(fusion={"kind": kind}), np.random.default_rng(0)
    heard = []
    for seed in range(2):
        opinions = draw(12, seed, plan.fusion.config.speaks)
        widths = {member: head.features_width for member, head in plan.heads.items()}
        features = {member: rng.normal(size=(12, width)).astype(np.float32) for member, width in widths.items()}
        truth = np.eye(8, dtype=np.float32)[opinions.scores["expression"][0].argmax(1)]
        heard.append(Heard(changed(opinions, features=features), {"expression": truth}))
    before, told = plan.fusion.state(), []
    settings = FitSettings(epochs=2, batch=8, loss=loss)
    score = fit_fusion(plan, heard, settings, 0, told.append)
    assert 0 <= score <= 1
    learns, searched = not isinstance(plan.fusion, MeanFusion), isinstance(plan.fusion, DirichletFusion)
    assert len(told) == 2 * (learns and not searched)
    after = plan.fusion.state()
    assert any(not np.array_equal(before[name], after[name]) for name in before) == learns
    again = toys.plan(fusion={"kind": kind})
    assert fit_fusion(again, heard, settings, 0) == score
    assert all(np.array_equal(after[name], value) for name, value in again.fusion.state().items())
