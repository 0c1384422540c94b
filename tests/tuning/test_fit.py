"""The one training loop and what it makes small: on toy tasks, with the real heads and fusion."""

import math

import numpy as np
import pytest
import torch

from ensemble.fusion import MeanFusion, MultiHeadProbabilityFusion
from modalities.heads.mean import MeanHead
from modalities.heads.uncertain import UncertainHead
from modalities.labels import EXPRESSION, tasks
from tests import toys
from tests.checks.fusions import configure, draw
from tests.makers import WIDTH, make_head
from tuning.fit import Data, FitSettings, Held, fit
from tuning.metrics import ccc
from tuning.objectives import FusionObjective, HeadObjective, class_weights, concordance_loss, task_score

TASKS = tasks()


def held(columns, names=tuple(TASKS)):
    return Held(columns, names)


PLAIN = FitSettings(smoothing=0.0)
QUICK = FitSettings(epochs=9, batch=16, lr=5e-3, patience=100)


def rows(count, seed):
    """Steps that show the expression in three inputs, valence and arousal in two more, an action unit in the last."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    steps = rng.normal(0, 0.4, (count, 4, WIDTH)).astype(np.float32)
    steps[np.arange(count), :, classes] += 2
    feeling = rng.uniform(-0.8, 0.8, (count, 2)).astype(np.float32)
    steps[:, :, 3:5] += 2 * feeling[:, None]
    active = rng.random((count, 12)) < 0.5
    steps[:, :, 5] += 2.0 * active[:, :1]
    mask = rng.random((count, 4)) < 0.8
    mask[:, 0] = True
    expression = np.eye(8, dtype=np.float32)[classes]
    targets = {"expression": expression, "valence_arousal": feeling, "action_units": active.astype(np.float32)}
    compound = np.full((count, 7), np.nan, np.float32)
    arrays = {"steps": steps, "mask": mask, "times": np.zeros(mask.shape, np.int64), **targets, "compound": compound}
    return held({name: torch.from_numpy(array) for name, array in arrays.items()})


TRAIN, DEV = rows(96, 0), rows(40, 1)
DATA = Data(TRAIN, DEV)


def objective_for(head, train=TRAIN, **settings):
    return HeadObjective(head, train, FitSettings(**{"jitter": 0.1, **settings}))


def fitted(settings=QUICK, data=DATA, seed=7, head=None, **hooks):
    head = head or make_head("mean")
    score = fit(head, objective_for(head), data, settings, seed=seed, **hooks)
    return head, score


def same_weights(one, other):
    return all(np.array_equal(value, other.state()[name]) for name, value in one.state().items())


# --------------------------------------------------------------------------------------------------------------- loop


def test_it_learns():
    before = objective_for(make_head("mean")).score(make_head("mean").eval(), DEV)
    head, score = fitted(FitSettings(epochs=40, batch=32, lr=5e-3))
    assert score > before + 0.2
    with torch.no_grad():
        said = head(DEV.columns["steps"], DEV.columns["mask"], DEV.columns["times"]).logits["expression"].argmax(1)
    assert (said == DEV.columns["expression"].argmax(1)).float().mean() > 0.9
    assert not head.training


def test_the_same_seed_gives_the_same_weights():
    torch.rand(3)
    first, score = fitted()
    torch.rand(5)
    second, again = fitted()
    assert score == again
    assert same_weights(first, second)
    other, _ = fitted(seed=8)
    assert not same_weights(first, other)


@pytest.mark.parametrize("stopped_after", [0, 3, 7])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(stopped_after, tmp_path):
    whole, score = fitted()
    file = tmp_path / "state.pt"

    def stop(progress):
        if progress.epoch == stopped_after:
            torch.save(progress.state(), file)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(report=stop)
    rest, again = fitted(resume=torch.load(file), head=make_head("mean", seed=5))
    assert same_weights(whole, rest)
    assert score == again


def test_a_state_that_is_kept_in_memory_does_not_change_later():
    states = []
    whole, _ = fitted(report=lambda progress: states.append(progress.state()))
    for _ in range(2):
        rest, _ = fitted(resume=states[3], head=make_head("mean", seed=5))
        assert same_weights(whole, rest)


def test_a_finished_run_has_nothing_left_to_do():
    states, told = [], []
    whole, score = fitted(report=lambda progress: states.append(progress.state()))
    rest, again = fitted(resume=states[-1], head=make_head("mean", seed=5), report=told.append)
    assert told == []
    assert again == score
    assert same_weights(whole, rest)


class Scripted:
    """An objective whose dev metric follows a script; what is learnt is real."""

    def __init__(self, head, scores):
        self._inner, self._scores, self.seen = objective_for(head), list(scores), []

    def loss(self, part, batch):
        return self._inner.loss(part, batch)

    def score(self, part, data):
        self.seen.append({name: value.clone() for name, value in part.state_dict().items()})
        return self._scores[len(self.seen) - 1]


def test_it_stops_when_dev_gets_no_better_and_keeps_the_best():
    head = make_head("mean")
    objective = Scripted(head, [0.1, 0.5, 0.5, 0.4, 0.3, 0.9])
    score = fit(head, objective, DATA, FitSettings(epochs=6, patience=3, batch=32), seed=0)
    assert score == 0.5
    assert len(objective.seen) == 5, "three epochs after the best one"
    assert all(torch.equal(value, objective.seen[1][name]) for name, value in head.state_dict().items())


def test_without_dev_all_epochs_are_run_and_the_last_is_kept():
    head = make_head("mean")
    objective = Scripted(head, [0.9, 0.1, 0.1, 0.1, 0.2])
    score = fit(head, objective, Data(TRAIN, None), FitSettings(epochs=5, patience=1, batch=32), seed=0)
    assert score == 0.2
    assert len(objective.seen) == 5
    assert all(torch.equal(value, objective.seen[-1][name]) for name, value in head.state_dict().items())


def test_progress_is_told_after_every_epoch():
    told = []
    fitted(report=told.append)
    assert [progress.epoch for progress in told] == list(range(9))
    assert all(progress.epochs == 9 for progress in told)
    assert all(math.isfinite(progress.loss) for progress in told)
    assert [progress.best for progress in told] == np.maximum.accumulate([progress.score for progress in told]).tolist()
    assert told[-1].loss < told[0].loss


# ----------------------------------------------------------------------------------------------------- loss of heads


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


# ---------------------------------------------------------------------------------------------------- loss of a fusion


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


def test_a_loss_that_is_no_number_ends_the_fit_in_a_sentence():
    class Broken(HeadObjective):
        """Divides by what has become zero."""

        def loss(self, part, batch):
            return super().loss(part, batch) * float("inf")

    data = rows(40, 0)
    head = make_head("mean")
    with pytest.raises(FloatingPointError, match="lower it"):
        fit(head, Broken(head, data, PLAIN), Data(data, None), QUICK, seed=1)
