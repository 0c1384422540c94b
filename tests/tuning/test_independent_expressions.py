"""Expressions that are each told for themselves: of a compound two ones are learnt; F1 is by the largest."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ensemble.fusion import MeanFusion
from modalities.catalog import HEADS, find
from modalities.labels import EXPRESSION, tasks
from tests.checks.fusions import EVERYTHING, draw
from tests.makers import WIDTH
from tests.tuning.toy_rows import TRAIN, held
from tuning.fit import Data, FitSettings, fit
from tuning.fusion_objective import FusionObjective
from tuning.objectives import HeadObjective, task_score, taught

SETTINGS = FitSettings(smoothing=0.0, class_weights=False)
KINDS = {"expression": "independent"}


def make(seed=0):
    torch.manual_seed(seed)
    part = find("mean", HEADS)
    speaks = {"expression": EXPRESSION.labels.names}
    return part(part.Config.model_validate({"width": WIDTH, "speaks": speaks, "kinds": KINDS}))


def rows(targets):
    """The toy rows with these labels in the first, and none in the rest."""
    columns = {name: TRAIN.columns[name] for name in ("steps", "mask", "times")}
    labels = torch.full((len(columns["mask"]), 8), torch.nan)
    labels[: len(targets)] = torch.as_tensor(targets)
    return held({**columns, "expression": labels}, ("expression",))


def halves(count, seed=0):
    """Labels of which every second is a compound's."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((count, 8), np.float32)
    for row in range(count):
        shown = rng.choice(8, 1 + row % 2, replace=False)
        labels[row, shown] = 1 / len(shown)
    return labels


def test_what_is_taught():
    targets = torch.tensor([[0.5, 0.5, 0], [1, 0, 0], [0.6, 0.3, 0.1], [torch.nan] * 3])
    expected = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 0.5, 1 / 6], [torch.nan] * 3])
    torch.testing.assert_close(taught("expression", "independent", targets), expected, equal_nan=True)
    for task, kind in (("expression", "distribution"), ("action_units", "independent"), ("compound", "distribution")):
        assert taught(task, kind, targets) is targets


def test_a_head_learns_both_halves_of_a_compound():
    head, labels = make().eval(), halves(30)
    data = rows(labels)
    with torch.no_grad():
        loss = HeadObjective(head, data, SETTINGS).loss(head, data.columns)
        logits = head(*(data.columns[name] for name in ("steps", "mask", "times"))).logits["expression"][:30]
    ones = torch.from_numpy((labels > 0).astype(np.float32))
    assert loss.item() == pytest.approx(functional.binary_cross_entropy_with_logits(logits, ones).item(), rel=1e-5)


def test_weights_of_units_count_ones():
    """Half of all rows show the class as one of two: it is active in them, whole."""
    head = make().eval()
    labels = np.tile(np.float32([[0.5, 0.5, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]]), (10, 1))
    weighted = HeadObjective(head, rows(labels), SETTINGS.model_copy(update={"unit_weights": True}))
    assert vars(weighted)["_weights"]["expression"][:2].tolist() == [1, 1]


def test_a_fusion_learns_the_same():
    known = {name: {"kind": task.kind, "labels": task.labels.names} for name, task in tasks().items()}
    known["expression"]["kind"] = "independent"
    fusion = MeanFusion(MeanFusion.Config.model_validate({"speaks": EVERYTHING, "tasks": known}))
    opinions, labels = draw(20, presence=1.0), halves(20)
    batch = {
        "expression": torch.from_numpy(labels),
        "expression.scores": torch.from_numpy(opinions.scores["expression"].transpose(1, 0, 2).copy()),
        "expression.said": torch.from_numpy(opinions.said["expression"].transpose(1, 0, 2).copy()),
    }
    loss = FusionObjective(KINDS, dropout=0.0, pull=0.0).loss(fusion, batch)
    fused = torch.from_numpy(opinions.scores["expression"].mean(0))
    ones = torch.from_numpy((labels > 0).astype(np.float32))
    assert loss.item() == pytest.approx(functional.binary_cross_entropy(fused, ones).item(), rel=1e-4)


def test_it_is_scored_by_the_largest_where_the_label_is_sure():
    labels = torch.from_numpy(halves(60))
    said = torch.rand(60, 8, generator=torch.Generator().manual_seed(0))
    one = task_score({"expression": said}, {"expression": labels}, KINDS)
    assert one == task_score({"expression": said}, {"expression": labels}, {"expression": "distribution"})
    sure = labels.max(1).values == 1
    right = torch.where(sure[:, None], labels, said)
    assert task_score({"expression": right}, {"expression": labels}, KINDS) == 1


@pytest.mark.slow
def test_a_fit_finds_what_is_shown():
    head = make()
    data = rows(TRAIN.columns["expression"])
    settings = SETTINGS.model_copy(update={"epochs": 15, "batch": 16, "lr": 5e-3, "patience": 100})
    assert fit(head, HeadObjective(head, data, settings), Data(data, data), settings, seed=0) > 0.3
