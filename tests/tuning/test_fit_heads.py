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
from tuning.objectives import HeadObjective, class_weights, concordance_loss, task_score, unit_weights

pytestmark = pytest.mark.slow


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


# ----------------------------------------------------------------------------------------------- focal, task weights


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


# -------------------------------------------------------------------------------------------- labelled column by column


def only(**known):
    """The rows, labelled with no more than some columns of some tasks."""
    columns = {**TRAIN.columns}
    for task in TASKS:
        columns[task] = torch.full_like(TRAIN.columns[task], math.nan)
        for column in known.get(task, ()):
            columns[task][:, column] = TRAIN.columns[task][:, column]
    return columns


def alone(task):
    """Settings of a head that learns one task alone."""
    return FitSettings(task_weights=dict.fromkeys(set(TASKS) - {task}, 0.0))


def learnt(head, columns, settings=PLAIN):
    """Loss of some rows, and the gradient of what the head said about each task."""
    said = {}

    def listen(_, __, answer):
        for task, logits in answer.logits.items():
            logits.retain_grad()
            said[task] = logits

    hook = head.register_forward_hook(listen)
    loss = HeadObjective(head, held(columns), settings).loss(head, columns)
    loss.backward()
    hook.remove()
    return loss.item(), {task: logits.grad for task, logits in said.items()}


@pytest.mark.parametrize(("task", "column"), [("valence_arousal", 0), ("valence_arousal", 1), ("action_units", 9)])
def test_a_column_that_is_labelled_alone_is_learnt_alone(task, column):
    loss, gradients = learnt(make_head("mean").eval(), only(**{task: [column]}))
    assert loss > 0
    moved = gradients.pop(task).abs().sum(0)
    assert moved[column] > 0
    assert moved.sum() == moved[column], "the other columns are not labelled"
    assert all(gradient is None or not gradient.any() for gradient in gradients.values())


def test_each_column_is_learnt_from_its_own_rows():
    head = make_head("mean").eval()
    columns = only(valence_arousal=[0, 1], action_units=[0, 3])
    columns["valence_arousal"][:50, 0] = columns["valence_arousal"][40:, 1] = math.nan
    columns["action_units"][30:, 3] = math.nan
    logits = head(*(columns[name] for name in ("steps", "mask", "times"))).logits
    values, truth = logits["valence_arousal"].tanh().detach(), columns["valence_arousal"]
    parts = [(values[50:, 0], truth[50:, 0]), (values[:40, 1], truth[:40, 1])]
    expected = np.mean([1 - ccc(t.numpy(), v.numpy()) + (v - t).square().mean().item() for v, t in parts])
    assert learnt(head, columns, alone("valence_arousal"))[0] == pytest.approx(expected, rel=1e-4)
    units, known = logits["action_units"].detach(), ~columns["action_units"].isnan()
    cells = torch.nn.functional.binary_cross_entropy_with_logits(
        units[known], columns["action_units"][known], reduction="none"
    )
    assert len(cells) == 96 + 30
    assert learnt(head, columns, alone("action_units"))[0] == pytest.approx(cells.mean().item(), rel=1e-5)


def test_a_distribution_that_is_known_in_part_is_not_known():
    loss, _ = learnt(make_head("mean").eval(), only(expression=range(7)))
    assert loss == 0


def test_a_score_is_taken_over_columns_that_are_labelled():
    kinds = {name: task.kind for name, task in TASKS.items()}
    truth = only(valence_arousal=[0], action_units=[4])
    said = {task: torch.rand(96, len(TASKS[task].labels)) for task in TASKS}
    said["valence_arousal"][:, 0] = TRAIN.columns["valence_arousal"][:, 0]
    said["action_units"][:, 4] = TRAIN.columns["action_units"][:, 4]
    assert task_score(said, truth, kinds) == pytest.approx(1.0)
    truth["valence_arousal"][:, 1] = -said["valence_arousal"][:, 1]
    assert task_score(said, truth, kinds) < 0.9, "arousal is wrong, and counts now"
    assert task_score(said, only(), kinds) == 0


def test_a_head_learns_valence_from_rows_without_arousal():
    head, columns = make_head("mean"), only(valence_arousal=[0])
    train = held(columns)
    objective = HeadObjective(head, train, PLAIN)
    before = objective.score(head.eval(), train)
    settings = FitSettings(epochs=30, batch=32, lr=0.01)
    assert fit(head, objective, Data(train, None), settings, seed=0) > max(0.5, before + 0.2)


# --------------------------------------------------------------------------------------------------- the loss of PML


def test_unit_weights_are_inactive_over_active_rows():
    units = torch.full((40, 5), math.nan)
    units[:, 0] = (torch.arange(40) < 10).float()
    units[:20, 1] = (torch.arange(20) < 15).float()
    units[:, 2] = (torch.arange(40) < 1).float()
    units[:, 3] = 0.0
    assert unit_weights(units).tolist() == pytest.approx([3, 1 / 3, 10, 1, 1])


def test_rare_units_count_for_more_where_that_is_asked_for():
    head, columns = make_head("mean").eval(), only(action_units=[0, 1])
    columns["action_units"][:, 0] = (torch.arange(96) < 12).float()
    columns["action_units"][48:, 1] = math.nan
    settings = alone("action_units")
    plain, weighted = (learnt(head, columns, settings.model_copy(update={"unit_weights": on})) for on in (False, True))
    gained = weighted[1]["action_units"] / plain[1]["action_units"]
    torch.testing.assert_close(gained[:12, 0], torch.full((12,), 7.0))
    torch.testing.assert_close(gained[12:, 0], torch.ones(84))


def test_the_squared_error_beside_ccc_has_a_share():
    head, columns = make_head("mean").eval(), only(valence_arousal=[0, 1])
    settings = alone("valence_arousal")
    none, half, whole = (
        learnt(head, columns, settings.model_copy(update={"va_mse": share}))[0] for share in (0.0, 0.5, 1.0)
    )
    values = head(*(columns[name] for name in ("steps", "mask", "times"))).logits["valence_arousal"].tanh()
    assert none == pytest.approx(concordance_loss(values, columns["valence_arousal"]).item(), rel=1e-6)
    assert whole == pytest.approx(learnt(head, columns, settings)[0])
    assert half == pytest.approx((none + whole) / 2, rel=1e-5)
    assert whole > none
