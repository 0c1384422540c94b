"""A fit that was stopped goes on as if nothing had happened, whatever is switched on and wherever it was stopped."""

import pytest
import torch

from tests.makers import make_head
from tests.tuning.toy_rows import DATA, QUICK, fitted, objective_for, same_weights
from tuning.fit import FitSettings

pytestmark = pytest.mark.slow

SETTINGS = {"epochs": 6, "batch": 16, "lr": 5e-3, "patience": 100, "cycle": 2, "lr_floor": 1e-4}
SWITCHED = {
    "plain": {},
    "constant": {"schedule": "constant"},
    "restarts": {"schedule": "restarts"},
    "plateau": {"schedule": "plateau", "cycle": 1},
    "average": {"ema": 0.9, "optimiser": "adam"},
    "unfreezing": {"unfreeze": {0: ("tasks",), 2: ("trunk.1",), 4: ("trunk.0",)}},
    "everything": {
        "ema": 0.8,
        "schedule": "plateau",
        "cycle": 1,
        "unfreeze": {0: ("tasks",), 3: ("trunk",)},
        "balance": "both",
        "mixup": 0.4,
        "jitter": 0.2,
        "accumulate": 4,
        "precision": "bfloat16",
        "loss": "focal",
    },
}


@pytest.mark.parametrize("switched", SWITCHED)
def test_a_run_goes_on_from_any_epoch_as_if_it_had_never_stopped(switched, tmp_path):
    settings = FitSettings(**{**SETTINGS, **SWITCHED[switched]})

    def run(**hooks):
        head = make_head("mean", seed=hooks.pop("drawn", 0))
        return fitted(settings, head=head, objective=objective_for(head, **SWITCHED[switched]), **hooks)

    def save(progress):
        torch.save(progress.state(), tmp_path / f"{progress.epoch}.pt")

    whole, score = run(report=save)
    for epoch in range(settings.epochs):
        rest, again = run(resume=torch.load(tmp_path / f"{epoch}.pt", weights_only=True), drawn=5)
        assert same_weights(whole, rest), f"stopped after epoch {epoch}"
        assert score == again


def test_patience_is_remembered():
    settings, states = FitSettings(epochs=30, batch=16, lr=0.05, patience=2), []
    whole, score = fitted(settings, report=lambda progress: states.append(progress.state()))
    assert len(states) < 30, "it stopped early, or this test shows nothing"
    told = []
    rest, again = fitted(settings, resume=states[-2], head=make_head("mean", seed=5), report=told.append)
    assert len(told) == 1
    assert score == again
    assert same_weights(whole, rest)


def test_a_state_that_is_kept_in_memory_does_not_change_later():
    states = []
    whole, _ = fitted(report=lambda progress: states.append(progress.state()))
    for _ in range(2):
        rest, _ = fitted(resume=states[3], head=make_head("mean", seed=5))
        assert same_weights(whole, rest)


def test_a_finished_run_has_nothing_left_to_do():
    states, told = [], []
    whole, score = fitted(QUICK, DATA, report=lambda progress: states.append(progress.state()))
    rest, again = fitted(resume=states[-1], head=make_head("mean", seed=5), report=told.append)
    assert told == []
    assert again == score
    assert same_weights(whole, rest)
