"""The one training loop: on toy tasks, with a real head."""

import math

import numpy as np
import pytest
import torch

from tests.makers import make_head
from tests.tuning.toy_rows import DATA, DEV, PLAIN, QUICK, TRAIN, fitted, objective_for, rows, same_weights
from tuning.fit import Data, FitSettings, fit
from tuning.objectives import HeadObjective


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


def test_without_dev_all_epochs_are_run_and_the_last_is_kept_and_judged():
    head, told = make_head("mean"), []
    objective = Scripted(head, [0.2])
    settings = FitSettings(epochs=5, patience=1, batch=32)
    score = fit(head, objective, Data(TRAIN, None), settings, seed=0, report=told.append)
    assert score == 0.2
    assert [progress.score for progress in told] == [*(-progress.loss for progress in told[:-1]), 0.2]
    assert all(torch.equal(value, objective.seen[0][name]) for name, value in head.state_dict().items())


def test_progress_is_told_after_every_epoch():
    told = []
    fitted(report=told.append)
    assert [progress.epoch for progress in told] == list(range(9))
    assert all(progress.epochs == 9 for progress in told)
    assert all(math.isfinite(progress.loss) for progress in told)
    assert [progress.best for progress in told] == np.maximum.accumulate([progress.score for progress in told]).tolist()
    assert told[-1].loss < told[0].loss


def test_a_loss_that_is_no_number_ends_the_fit_in_a_sentence():
    class Broken(HeadObjective):
        """Divides by what has become zero."""

        def loss(self, part, batch):
            return super().loss(part, batch) * float("inf")

    data = rows(40, 0)
    head = make_head("mean")
    with pytest.raises(FloatingPointError, match="lower it"):
        fit(head, Broken(head, data, PLAIN), Data(data, None), QUICK, seed=1)
