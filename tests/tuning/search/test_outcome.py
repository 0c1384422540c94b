"""An outcome: who wins, what nothing else beats, and what has no value."""

import math

import pytest

from modalities.config import Choice, Integers, Uniform
from tuning.search.outcome import Objective, Outcome, Trial, best_so_far, read_outcome, write_outcome

F1, COST = Objective("macro_f1", "max"), Objective("cost_ms", "min")


def trial(number, f1=None, cost=None, state="done", seconds=1.0, **settings):
    values = {name: value for name, value in (("macro_f1", f1), ("cost_ms", cost)) if value is not None}
    return Trial(number, settings, values, state, seconds)


def outcome(*trials, objectives=(F1, COST), seconds=1.0, jobs=1, space=None):
    return Outcome("ensemble", space or {}, objectives, trials, seconds, jobs)


def numbers(trials):
    return [one.number for one in trials]


def test_the_front_holds_what_no_other_beats_best_first():
    made = outcome(trial(0, 0.5, 10), trial(1, 0.6, 20), trial(2, 0.55, 25), trial(3, 0.7, 40), trial(4, 0.5, 11))
    assert numbers(made.front()) == [3, 1, 0]


def test_equals_are_both_on_the_front():
    assert numbers(outcome(trial(0, 0.5, 10), trial(1, 0.5, 10), trial(2, 0.5, 11)).front()) == [0, 1]


def test_with_one_objective_the_front_is_the_best():
    made = outcome(trial(0, 0.5), trial(1, 0.7), trial(2, 0.6), objectives=(F1,))
    assert numbers(made.front()) == [1]


@pytest.mark.parametrize(("limit", "winner"), [(None, 3), (40, 3), (39.9, 1), (20, 1), (19, 0)])
def test_the_best_keeps_its_bounds(limit, winner):
    made = outcome(trial(0, 0.5, 10), trial(1, 0.6, 20), trial(3, 0.7, 40))
    assert made.best(None if limit is None else {"cost_ms": limit}).number == winner


def test_nobody_wins_where_no_trial_keeps_the_bounds():
    made = outcome(trial(0, 0.5, 10), trial(1, 0.6, 20))
    assert made.best({"cost_ms": 9}) is None
    assert made.best({"never_measured": 9}) is None
    assert outcome().best() is None


def test_of_equals_the_next_objective_decides_then_the_earlier_trial():
    assert outcome(trial(0, 0.6, 20), trial(1, 0.6, 10)).best().number == 1
    assert outcome(trial(7, 0.6, 10), trial(2, 0.6, 10), trial(5, 0.6, 10)).best().number == 2


def test_trials_beyond_a_bound_are_ranked_after_all_others():
    made = outcome(trial(0, 0.7, 40), trial(1, 0.5, 10), trial(2, 0.6, 20), trial(3, 0.8, 50))
    assert numbers(made.ranked()) == [3, 0, 2, 1]
    assert numbers(made.ranked({"cost_ms": 20})) == [2, 1, 3, 0]
    assert made.ranked({"cost_ms": 20})[0] is made.best({"cost_ms": 20})


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_trial_without_a_number_takes_no_part(lost):
    made = outcome(trial(0, lost, 1), trial(1, 0.2, lost), trial(2, 0.1, 99), trial(3), trial(4, 0.9, state="failed"))
    assert numbers(made.judged) == [2]
    assert made.best().number == 2
    assert numbers(made.front()) == [2]


def test_the_best_so_far_rises_only_and_begins_with_the_first_value():
    trials = (trial(2, 0.4), trial(0, math.nan), trial(1), trial(4, math.inf), trial(3, 0.3), trial(5, 0.6))
    assert best_so_far(trials, F1) == pytest.approx([math.nan, math.nan, 0.4, 0.4, 0.4, 0.6], nan_ok=True)


def test_the_best_so_far_falls_where_small_is_good():
    trials = [trial(number, cost=cost) for number, cost in enumerate([5.0, 7.0, 3.0])]
    assert best_so_far(trials, COST) == [5, 5, 3]


def test_what_ray_adds_is_the_time_that_no_step_took():
    made = outcome(*(trial(number, 0.5, 1, seconds=2.0) for number in range(4)), seconds=6.0, jobs=2)
    assert made.added == pytest.approx((6 * 2 - 4 * 2) / 4)
    assert outcome(trial(0, seconds=9.0), seconds=1.0).added == 0
    assert outcome(seconds=3.0).added == 3


def test_an_outcome_is_read_as_it_was_written(tmp_path):
    space = {
        "fit.face.lr": Uniform(1e-5, 0.1, log=True),
        "face.layers": Integers(1, 4),
        "fusion.kind": Choice(("mean", "mhpf", None, True, 3)),
    }
    settings = {"fit.face.lr": 0.01, "face.layers": 2, "fusion.kind": None}
    made = outcome(Trial(0, settings, {"macro_f1": 0.5}, "stopped", 1.5, (0.2, 0.5)), trial(1), space=space)
    write_outcome(made, tmp_path / "outcome.json")
    assert read_outcome(tmp_path / "outcome.json") == made
