"""What moves the weights: average, schedules, unfreezing, balance, accumulation and precision, each by its formula."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from tests.makers import make_head
from tests.tuning.toy_rows import DATA, TRAIN, fitted, held, objective_for
from tuning.fit import Data, FitSettings, Held, fit
from tuning.fit.learning import Schedule, moving_average, optimiser_of, order, unfreeze
from tuning.objectives import HeadObjective

pytestmark = pytest.mark.slow

# -------------------------------------------------------------------------------------------------- average, schedules


def test_the_average_is_the_formula():
    part = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = moving_average(part, FitSettings(ema=0.9))
    expected = None
    for seed in range(4):
        torch.manual_seed(seed)
        with torch.no_grad():
            part[0].weight.normal_()
            part[1].running_mean.normal_()
            part[1].num_batches_tracked.add_(1)
        average.update_parameters(part)
        now = {name: value.clone() for name, value in part.state_dict().items() if value.is_floating_point()}
        expected = now if expected is None else {n: 0.9 * expected[n] + 0.1 * now[n] for n in now}
    for name, value in expected.items():
        torch.testing.assert_close(average.module.state_dict()[name], value)
    assert moving_average(part, FitSettings()) is None


def test_the_average_is_what_is_judged_and_kept():
    states = []
    settings = FitSettings(epochs=4, batch=16, lr=0.05, schedule="constant", ema=0.99, patience=9)
    head, score = fitted(settings, Data(TRAIN, None), report=lambda progress: states.append(progress.state()))
    average = {name.removeprefix("module."): value for name, value in states[-1]["average"].items()}
    assert all(torch.equal(value, average[name]) for name, value in head.state_dict().items())
    assert not torch.equal(head.trunk[0].weight, states[-1]["weights"]["trunk.0.weight"])
    assert score == objective_for(head).score(head, TRAIN)


def rates(scores, **settings):
    """The learning rate of each epoch."""
    chosen = FitSettings(lr=0.1, epochs=len(scores), **settings)
    optimiser = optimiser_of(nn.Linear(1, 1), chosen)
    schedule, found = Schedule(optimiser, chosen), []
    for score in scores:
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step(score)
    return found


def test_schedules_are_their_formulas():
    flat = [0.0] * 8
    assert rates(flat, schedule="constant") == [0.1] * 8
    cosine = [0.01 + 0.09 * (1 + math.cos(math.pi * epoch / 8)) / 2 for epoch in range(8)]
    assert rates(flat, schedule="cosine", lr_floor=0.01) == pytest.approx(cosine)
    restarts = [0.01 + 0.09 * (1 + math.cos(math.pi * (epoch % 3) / 3)) / 2 for epoch in range(8)]
    assert rates(flat, schedule="restarts", cycle=3, lr_floor=0.01) == pytest.approx(restarts)
    better = [0.1, 0.2, 0.2, 0.2, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1]  # twice, three epochs are no better
    plateau = [0.1] * 5 + [0.01] * 4 + [0.005]
    assert rates(better, schedule="plateau", cycle=2, lr_floor=0.005) == pytest.approx(plateau)


# ---------------------------------------------------------------------------------------------------------- unfreezing


class Layers(nn.Module):
    """Twelve layers, so that one name begins another."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(12))
        self.last = nn.Linear(1, 1)


def learning(part):
    return {name.rpartition(".")[0] for name, weight in part.named_parameters() if weight.requires_grad}


def test_modules_open_by_their_exact_names():
    part = Layers()
    settings = FitSettings(unfreeze={0: ("last",), 2: ("encoder.layers.1",), 5: ("encoder",)})
    opened = []
    for epoch in range(6):
        unfreeze(part, settings, epoch)
        opened.append(learning(part))
    assert opened[0] == opened[1] == {"last"}
    assert opened[2] == opened[4] == {"last", "encoder.layers.1"}
    assert len(opened[5]) == 13
    unfreeze(part, FitSettings(), 0)
    assert len(learning(part)) == 13, "without the setting, nothing is touched"


def test_what_is_frozen_does_not_move_and_everything_is_free_afterwards():
    head, seen = make_head("mean"), []
    before = {name: value.clone() for name, value in head.state_dict().items()}
    settings = FitSettings(epochs=4, batch=32, lr=0.01, unfreeze={0: ("tasks",), 2: ("trunk.0",)})
    fitted(settings, head=head, report=lambda progress: seen.append(progress.state()["weights"]))
    moved = [
        {n.split(".weight")[0] for n, v in s.items() if n.endswith("weight") and (v != before[n]).any()} for s in seen
    ]
    tasks = {f"tasks.{task}" for task in head.speaks if task != "compound"}  # nothing is labelled with that
    assert moved[1] - {"tasks.compound"} == tasks
    assert moved[3] - {"tasks.compound"} == {*tasks, "trunk.0"}
    assert all(weight.requires_grad for weight in head.parameters())


def test_an_unknown_module_is_told_in_a_sentence():
    with pytest.raises(ValueError, match=r"unfreeze names layer\.1, trunk\.7, but the part has the modules trunk"):
        fitted(FitSettings(unfreeze={0: ("trunk",), 3: ("trunk.7", "layer.1")}))
    with pytest.raises(ValueError, match=r"unfreeze opens nothing at epoch 0: trunk\.2 holds no weights"):
        fitted(FitSettings(unfreeze={0: ("trunk.2",), 3: ("trunk",)}))


# ------------------------------------------------------------------------------------------------------------- balance


def lopsided(count=4000):
    """Rows of two corpora: 90 % from one; classes 80, 15 and 5 %, and some without a label."""
    rng = np.random.default_rng(0)
    classes = rng.choice(4, count, p=[0.76, 0.14, 0.05, 0.05])
    sources = (rng.random(count) < 0.1).astype(np.int64)
    labels = np.eye(4, dtype=np.float32)[classes][:, :3]
    labels[classes == 3] = np.nan
    columns = {"steps": torch.zeros(count, 1, 1), "expression": torch.from_numpy(labels)}
    return Held(columns, ("expression",), torch.from_numpy(sources)), classes


@pytest.mark.parametrize(("balance", "groups"), [("class", 4), ("corpus", 2), ("both", 8)])
def test_balanced_rows_really_are(balance, groups):
    rows, classes = lopsided()
    drawn = order(rows, FitSettings(balance=balance), torch.Generator().manual_seed(0))
    sources = rows.sources[drawn].tolist()
    marks = {
        "class": classes[drawn].tolist(),
        "corpus": sources,
        "both": list(zip(classes[drawn], sources, strict=True)),
    }
    counts = Counter(marks[balance])
    assert len(drawn) == 4000
    assert len(counts) == groups
    even = 4000 / groups
    assert all(abs(count - even) < 5 * even**0.5 for count in counts.values()), counts


def test_without_balance_every_row_comes_once():
    rows, _ = lopsided(50)
    drawn = order(rows, FitSettings(), torch.Generator().manual_seed(0))
    assert sorted(drawn.tolist()) == list(range(50))
    assert drawn.tolist() != list(range(50))


def test_a_compound_counts_as_the_class_where_there_is_one():
    compound = torch.tensor([[1.0, 0], [0, 1.0], [0, 1.0], [math.nan] * 2, [math.nan] * 2])
    expression = torch.tensor([[0.5, 0.5]] * 3 + [[1.0, 0], [math.nan] * 2])
    rows = Held({"compound": compound, "expression": expression}, ("expression", "compound"))
    many = [order(rows, FitSettings(balance="class"), torch.Generator().manual_seed(seed)) for seed in range(800)]
    shares = torch.bincount(torch.cat(many), minlength=5) / 4000
    assert shares.tolist() == pytest.approx([0.25, 0.125, 0.125, 0.25, 0.25], abs=0.03)


# --------------------------------------------------------------------------------------------- accumulation, precision


def gradients(settings, rows):
    """What the optimiser's first step of a fit is made of: Adam's mean after one step is a tenth of the gradient."""
    head, states = make_head("attention"), []
    for module in head.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    plain = FitSettings(class_weights=False, smoothing=0.0)
    objective = HeadObjective(head, rows, plain)
    fit(head, objective, Data(rows, None), settings, seed=3, report=lambda progress: states.append(progress.state()))
    moments = states[0]["optimiser"]["state"]
    assert all(moment["step"] == 1 for moment in moments.values()), "one step of the optimiser"
    return torch.cat([moment["exp_avg"].flatten() * 10 for moment in moments.values()])


@pytest.mark.parametrize("batch", [8, 32])
def test_accumulated_batches_are_one_larger_batch(batch):
    """Where all batches weigh the same: means over as many labelled rows. CCC is no mean over rows, so it differs."""
    nothing = {name: torch.full_like(TRAIN.columns[name], math.nan) for name in ("valence_arousal", "compound")}
    rows = held({**TRAIN.columns, **nothing})
    once = gradients(FitSettings(epochs=1, batch=96), rows)
    some = gradients(FitSettings(epochs=1, batch=batch, accumulate=96 // batch), rows)
    assert once.norm() > 0.5
    torch.testing.assert_close(some, once, atol=1e-5, rtol=0)
    felt = gradients(FitSettings(epochs=1, batch=96), TRAIN)
    assert not torch.allclose(gradients(FitSettings(epochs=1, batch=8, accumulate=12), TRAIN), felt, atol=1e-3)


@pytest.mark.parametrize("kind", ["mean", "attention", "transformer", "mamba", "lstm", "bilstm", "cosine", "uncertain"])
def test_every_head_learns_in_half_precision(kind):
    head, losses = make_head(kind), []
    settings = FitSettings(epochs=3, batch=32, lr=1e-3, precision="bfloat16", schedule="constant")
    fitted(settings, DATA, head=head, report=lambda progress: losses.append(progress.loss))
    assert losses[-1] < losses[0]
    assert all(weight.dtype == torch.float32 for weight in head.parameters())


def test_half_precision_is_near_to_full_precision_but_not_it():
    scores = []
    for precision in ("float32", "bfloat16"):
        head = make_head("mean")
        losses = []
        settings = FitSettings(epochs=2, batch=32, precision=precision)
        fitted(settings, head=head, report=lambda progress, losses=losses: losses.append(progress.loss))
        scores.append(losses)
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.05)
