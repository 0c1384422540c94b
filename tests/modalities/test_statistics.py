"""The statistics head: what it pools, what it standardises, and that it tells apart what only spreads differently."""

import numpy as np
import pytest
import torch

from modalities.heads.head import Head
from modalities.heads.statistics import StatisticsHead, statistics
from tests.checks.heads import Batch
from tuning.fit import Data, FitSettings, Held, fit
from tuning.objectives import HeadObjective

LABELS = ("Neutral", "Anger")


def make(width=3):
    """Make a head of two expressions."""
    speaks, kinds = {"expression": LABELS}, {"expression": "distribution"}
    return StatisticsHead(Head.Config(width=width, speaks=speaks, kinds=kinds, hidden=64, dropout=0.0))


def test_statistics_are_those_of_the_steps_that_exist():
    batch = Batch.draw(3)
    entered = torch.where(batch.mask[..., None], batch.steps, torch.zeros(()))
    found = statistics(entered, batch.mask)
    for row, mask in enumerate(batch.mask[:5]):
        steps = batch.steps[row][mask].numpy()
        np.testing.assert_allclose(found[row], np.concatenate([steps.mean(0), steps.std(0)]), atol=1e-5)
    assert (found[5] == 0).all()


def test_statistics_of_training_segments_become_standard():
    batch = Batch.draw(3)
    head = make()
    steps = batch.steps * torch.tensor([0.01, 1, 500]) + 7
    head.standardise_by(steps, batch.mask)
    found = statistics(head.enter(steps, batch.mask), batch.mask)
    standard = ((found - head.middle) / head.spread)[batch.mask.any(1)]
    assert torch.allclose(standard.mean(0), torch.zeros(6), atol=1e-4)
    assert torch.allclose(standard.std(0, unbiased=False), torch.ones(6), atol=1e-4)


def test_the_same_step_over_and_over_has_a_finite_gradient():
    steps, mask = torch.ones(2, 4, 3, requires_grad=True), torch.ones(2, 4, dtype=torch.bool)
    make()(steps, mask, torch.zeros(2, 4)).features.sum().backward()
    assert torch.isfinite(steps.grad).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_what_no_mean_shows(seed):
    """Both classes have the same mean; one moves three times as far."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(60) % 2
    steps = torch.randn(60, 9, 3, generator=draw) * (1 + 2 * labels)[:, None, None]
    targets = torch.eye(2)[labels]
    columns = {"steps": steps, "mask": torch.ones(60, 9, dtype=torch.bool), "times": torch.zeros(60, 9)}
    rows = Held({**columns, "expression": targets}, ("expression",))
    head, settings = make(), FitSettings(epochs=10, batch=16, lr=3e-3)
    torch.manual_seed(seed)
    head.reset()
    head.standardise_by(steps, columns["mask"])
    assert fit(head, HeadObjective(head, rows, settings), Data(rows, None), settings, seed=seed) > 0.95
