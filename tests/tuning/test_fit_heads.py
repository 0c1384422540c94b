"""What a head learns: the losses of its tasks, masks, classes, and the metric that decides."""

import math

import numpy as np
import pytest
import torch

from modalities.heads.mean import MeanHead
from modalities.heads.uncertain import UncertainHead
from modalities.labels import EXPRESSION
from tests.makers import WIDTH, make_head
from tests.tuning.toy_rows import PLAIN, TASKS, TRAIN, held, objective_for
from tuning.fit import Data, FitSettings, fit
from tuning.metrics import ccc
from tuning.objectives import HeadObjective, class_weights, concordance_loss, mixed, task_score


def test_rows_without_a_label_never_matter():
    head = make_head("mean").eval()
    batch = {**TRAIN.columns}
    for name in TASKS:
        batch[name] = TRAIN.columns[name].clone()
        batch[name][60:] = math.nan
    few = {name: column[:60] for name, column in TRAIN.columns.items()}
    objective = HeadObjective(head, held(few), FitSettings())
    weights = HeadObjective(head, held(batch), FitSettings())
    losses, gradients = [], []
    for some, rule in ((few, objective), (batch, objective), (batch, weights)):
        head.zero_grad()
        loss = rule.loss(head, some)
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in head.parameters()]))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert all(torch.allclose(gradient, gradients[0], atol=1e-5) for gradient in gradients)
    assert objective.score(head, held(batch)) == pytest.approx(objective.score(head, held(few)))


def test_a_batch_without_any_label_is_worth_nothing():
    head = make_head("mean")
    batch = {**TRAIN.columns, **{name: torch.full_like(TRAIN.columns[name], math.nan) for name in TASKS}}
    loss = objective_for(head).loss(head, batch)
    loss.backward()
    assert loss.item() == 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())


def test_masked_steps_never_matter_in_training():
    head = make_head("mean").eval()
    objective = HeadObjective(head, TRAIN, PLAIN)
    rubbish = torch.where(TRAIN.columns["mask"][..., None], TRAIN.columns["steps"], torch.nan)
    losses = [objective.loss(head, {**TRAIN.columns, "steps": steps}) for steps in (TRAIN.columns["steps"], rubbish)]
    losses[1].backward()
    assert losses[0].item() == losses[1].item()
    assert all(torch.isfinite(parameter.grad).all() for parameter in head.parameters())


def test_soft_cross_entropy_is_the_formula():
    head = make_head("mean").eval()
    only = {
        **TRAIN.columns,
        **{n: torch.full_like(TRAIN.columns[n], math.nan) for n in ("valence_arousal", "action_units")},
    }
    loss = HeadObjective(head, held(only), FitSettings(smoothing=0.1)).loss(head, only)
    shares = (
        head(TRAIN.columns["steps"], TRAIN.columns["mask"], TRAIN.columns["times"])
        .logits["expression"]
        .softmax(1)
        .detach()
        .numpy()
    )
    truth = TRAIN.columns["expression"].numpy()
    counts = truth.sum(0)
    weights = np.where(counts > 0, 1 / np.maximum(counts, 1), 0)
    weights = np.where(counts > 0, weights * (counts > 0).sum() / weights.sum(), 1)
    smooth = 0.9 * truth + 0.1 / 8
    total = sum(weights[c] * smooth[i, c] * -np.log(shares[i, c]) for i in range(len(truth)) for c in range(8))
    assert loss.item() == pytest.approx(total / (weights * smooth).sum(), rel=1e-4)


def test_class_weights_are_inverse_to_the_share():
    targets = torch.tensor([[1.0, 0, 0, 0]] * 6 + [[0, 1.0, 0, 0]] * 2 + [[0, 0, 0.5, 0.5]] + [[math.nan] * 4])
    weights = class_weights(targets)
    assert weights.sum().item() == pytest.approx(4)
    assert (weights * torch.tensor([6, 2, 0.5, 0.5])).std().item() == pytest.approx(0, abs=1e-5)
    absent = class_weights(targets[:8])
    assert absent[:2].sum().item() == pytest.approx(2)
    assert absent[2:].tolist() == [1, 1]
    assert class_weights(torch.full((3, 4), math.nan)).tolist() == [1] * 4


def test_concordance_loss_is_one_minus_ccc():
    values, truth = (np.random.default_rng(i).uniform(-1, 1, (50, 2)).astype(np.float32) for i in (0, 1))
    expected = 1 - np.mean([ccc(truth[:, i], values[:, i]) for i in range(2)])
    assert concordance_loss(torch.from_numpy(values), torch.from_numpy(truth)).item() == pytest.approx(
        expected, abs=1e-5
    )
    constant = torch.zeros(1, 2, requires_grad=True)
    concordance_loss(constant, torch.zeros(1, 2)).backward()
    assert torch.isfinite(constant.grad).all()


def test_a_score_is_taken_over_sure_rows():
    truth = torch.tensor([[0.5, 0.5, 0, 0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0, 0, 0, 0]])
    data = {"expression": truth}
    kinds = {"expression": EXPRESSION.kind}
    said = torch.eye(8)[[3, 0]]
    assert task_score({"expression": said}, data, kinds) == pytest.approx(1 / 8)


def test_standardising_makes_inputs_alike():
    head = make_head("mean")
    steps = torch.randn(50, 4, WIDTH) * torch.tensor([1.0, 10, 100, 0.1, 0, 5]) + 3
    mask = torch.rand(50, 4) < 0.7
    head.standardise_by(torch.where(mask[..., None], steps, torch.nan), mask)
    seen = head.enter(steps, mask)[mask]
    assert seen.mean(0).abs().max() < 0.05
    assert (seen.std(0)[[0, 1, 2, 3, 5]] - 1).abs().max() < 0.05
    assert seen[:, 4].abs().max() < 1e-4, "an input that never varies stays where it is"
    assert isinstance(head, MeanHead)


def test_an_uncertain_head_learns_what_it_is_sure_of():
    torch.manual_seed(0)
    speaks = {"expression": ("Anger", "Fear", "Sadness")}
    kinds = {"expression": "distribution"}
    head = UncertainHead(UncertainHead.Config(width=3, speaks=speaks, kinds=kinds, hidden=16, dropout=0.0))
    clear, truth = torch.eye(3).repeat(40, 1), torch.eye(3).repeat(40, 1)
    vague = torch.zeros(120, 3)
    guess = torch.eye(3)[torch.randint(0, 3, (120,))]
    steps = torch.cat([clear, vague])[:, None, :]
    batch = {"steps": steps, "mask": torch.ones(240, 1, dtype=torch.bool), "times": torch.zeros(240, 1)}
    batch["expression"] = torch.cat([truth, guess])
    head.standardise_by(batch["steps"], batch["mask"])
    train = held(batch, ("expression",))
    fit(head, HeadObjective(head, train, PLAIN), Data(train, None), FitSettings(epochs=40, lr=0.01), seed=1)
    with torch.no_grad():
        unsure = head(batch["steps"], batch["mask"], batch["times"]).uncertainty["expression"].mean(1)
    assert unsure[120:].mean() > 1.3 * unsure[:120].mean()


# ------------------------------------------------------------------------------------------ MixUp, focal, task weights


def test_mixup_is_the_formula():
    torch.manual_seed(0)
    steps, mask = torch.randn(6, 3, 2), torch.rand(6, 3) < 0.6
    steps[~mask] = math.nan
    known, unknown = torch.eye(6)[:, :4], torch.full((2, 4), math.nan)
    targets = torch.cat([known[:4], unknown])
    batch = {"steps": steps, "mask": mask, "times": torch.zeros(6, 3), "expression": targets}
    torch.manual_seed(5)
    share = float(torch.distributions.Beta(0.4, 0.4).sample())
    share, partner = max(share, 1 - share), torch.randperm(6)
    torch.manual_seed(5)
    found = mixed(batch, ["expression"], 0.4)
    assert 0.5 <= share < 1
    for row, other in enumerate(partner.tolist()):
        for step in range(3):
            own = steps[row, step]
            both = mask[row, step] and mask[other, step]
            expected = share * own + (1 - share) * steps[other, step] if both else own
            torch.testing.assert_close(found["steps"][row, step], expected, equal_nan=True)
        blend = share * targets[row] + (1 - share) * targets[other]
        expected = targets[row] if blend.isnan().any() else blend
        torch.testing.assert_close(found["expression"][row], expected, equal_nan=True)
    assert found["mask"] is mask
    assert torch.equal(found["expression"].isnan(), targets.isnan()), "no label is lost, and none is made up"


def test_a_mixed_batch_has_a_finite_loss_whatever_stands_in_masked_steps():
    head = make_head("mean")
    steps = torch.where(TRAIN.columns["mask"][..., None], TRAIN.columns["steps"], torch.nan)
    loss = objective_for(head, mixup=0.4).loss(head, {**TRAIN.columns, "steps": steps})
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters())


def test_focal_loss_without_gamma_is_the_cross_entropy():
    head = make_head("mean").eval()
    losses = [
        HeadObjective(head, TRAIN, FitSettings(**settings)).loss(head, TRAIN.columns).item()
        for settings in ({}, {"loss": "focal", "gamma": 0.0}, {"loss": "focal", "gamma": 2.0}, {"gamma": 2.0})
    ]
    assert losses[0] == losses[1] == losses[3]
    assert losses[2] < losses[0]


def test_task_weights_are_shares_of_the_sum():
    head, tasks = make_head("mean").eval(), ("expression", "valence_arousal", "action_units")

    def loss(**weights):
        return HeadObjective(head, TRAIN, FitSettings(task_weights=weights)).loss(head, TRAIN.columns).item()

    alone = {task: loss(**{other: float(other == task) for other in (*tasks, "compound")}) for task in tasks}
    assert loss() == pytest.approx(sum(alone.values()), rel=1e-6)
    weighted = loss(expression=0.25, action_units=3.0)
    expected = 0.25 * alone["expression"] + alone["valence_arousal"] + 3 * alone["action_units"]
    assert weighted == pytest.approx(expected, rel=1e-6)


def test_a_task_that_weighs_nothing_is_not_judged_either():
    head = make_head("mean").eval()
    only = HeadObjective(head, TRAIN, FitSettings(task_weights=dict.fromkeys(set(TASKS) - {"expression"}, 0.0)))
    few = held({n: c for n, c in TRAIN.columns.items() if n not in TASKS or n == "expression"}, ("expression",))
    assert only.score(head, TRAIN) == only.score(head, few)
