"""Searches over lists: every combination once; greedily, from the recipe's own values, keeping only what is better."""

from __future__ import annotations

import pytest

from modalities.config import Choice, Integers, Uniform
from tuning.recipe import RecipeError
from tuning.search.outcome import Objective
from tuning.search.settings import SearchSettings
from tuning.search.tune.lists import FINISHED, Exhaustive, Greedy, combinations, count, values_of
from tuning.search.tune.searchers import searcher, trials_of

SPACE = {"width": Choice((1, 2, 3)), "depth": Integers(1, 4)}
FIRST = {"width": 1, "depth": 1}
SCORE, LOSS = Objective("score", "max"), Objective("loss", "min")


def worth(point):
    """The best is width 2 and depth 3."""
    return 10 - (point["width"] - 2) ** 2 - (point["depth"] - 3) ** 2


def run(search, objective, value):
    """Ask one after the other until the end; returns the points in order."""
    points = []
    while (point := search.suggest(name := f"trial{len(points)}")) != FINISHED:
        assert point is not None
        points.append(point)
        search.on_trial_complete(name, {objective.name: value(point)})
    return points


def test_values_of_every_kind_of_range():
    assert values_of(Choice(("a", None))) == ("a", None)
    assert values_of(Integers(2, 5)) == (2, 3, 4, 5)
    assert values_of(Integers(1, 101)) == (1, 26, 51, 76, 101)
    assert values_of(Integers(1, 10_000, log=True)) == (1, 10, 100, 1000, 10_000)
    assert values_of(Uniform(0, 1)) == (0, 0.25, 0.5, 0.75, 1)
    assert values_of(Uniform(1e-4, 1, log=True)) == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1, 1))


def test_exhaustive_tries_every_combination_once():
    points = run(Exhaustive(list(combinations(SPACE)), SCORE), SCORE, worth)
    assert len(points) == count(SPACE) == 12
    assert len({tuple(point.items()) for point in points}) == 12
    assert points[:5] == [{"width": 1, "depth": depth} for depth in (1, 2, 3, 4)] + [{"width": 2, "depth": 1}]


@pytest.mark.parametrize(("objective", "sign"), [(SCORE, 1), (LOSS, -1)])
def test_greedy_keeps_the_best_of_each_setting(objective, sign):
    points = run(Greedy(SPACE, FIRST, lambda _: True, objective), objective, lambda point: sign * worth(point))
    assert points[0] == FIRST
    assert points[1:3] == [{"width": 2, "depth": 1}, {"width": 3, "depth": 1}]
    assert points[3:] == [{"width": 2, "depth": depth} for depth in (2, 3, 4)]


def test_greedy_keeps_its_own_value_where_another_is_only_as_good():
    search = Greedy(SPACE, FIRST, lambda _: True, SCORE)
    assert all(point["width"] == 1 for point in run(search, SCORE, lambda _: 1.0)[3:])


def test_greedy_waits_for_results_before_it_goes_on():
    search = Greedy(SPACE, FIRST, lambda _: True, SCORE)
    assert search.suggest("a") == FIRST
    assert search.suggest("b") is None
    search.on_trial_complete("a", {"score": 1.0})
    assert [search.suggest(name)["width"] for name in "bc"] == [2, 3]
    assert search.suggest("d") is None
    search.on_trial_complete("b", error=True)
    search.on_trial_complete("c", {"score": float("nan")})
    assert search.suggest("d") == {"width": 1, "depth": 2}


def test_lists_pass_over_what_is_impossible():
    def possible(point):
        return point["width"] != 2

    points = run(Greedy(SPACE, FIRST, possible, SCORE), SCORE, worth)
    assert all(possible(point) for point in points)
    how = SearchSettings(sampler="exhaustive", trials=8)
    assert len(run(searcher(how, SPACE, (SCORE,), FIRST, possible, seed=0), SCORE, worth)) == 8


def test_a_killed_search_knows_what_it_knew(tmp_path):
    search = Greedy(SPACE, FIRST, worth, SCORE)
    for name in ("a", "b"):
        search.on_trial_complete(name, {"score": worth(search.suggest(name))}) if name == "a" else search.suggest(name)
    search.save(str(tmp_path / "state"))
    again = Greedy({}, {}, worth, SCORE)
    again.restore(str(tmp_path / "state"))
    assert again.suggest("c") == search.suggest("c") == {"width": 3, "depth": 1}
    again.on_trial_complete("b", {"score": 100.0})
    again.on_trial_complete("c", {"score": 0.0})
    assert again.suggest("d") == {"width": 2, "depth": 2}


def test_too_many_combinations_are_refused_in_a_sentence():
    how = SearchSettings(sampler="exhaustive", trials=11)
    with pytest.raises(RecipeError, match="needs 12 trials, but 11 are allowed; narrow it, or allow more"):
        searcher(how, SPACE, (SCORE,), FIRST, lambda _: True, seed=0)
    wide = {str(number): Uniform(0, 1) for number in range(12)}
    with pytest.raises(RecipeError, match="needs 244140625 trials"):
        searcher(how, wide, (SCORE,), {}, lambda _: True, seed=0)


def test_how_many_trials_a_sweep_has():
    assert trials_of(SearchSettings(trials=7), SPACE) == 7
    assert trials_of(SearchSettings(trials=7, sampler="greedy"), SPACE) >= 6


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_optuna_draws_again_what_is_impossible(sampler):
    how = SearchSettings(sampler=sampler, trials=9)
    objectives = (SCORE, LOSS) if sampler == "nsga2" else (SCORE,)
    search = searcher(how, SPACE, objectives, FIRST, lambda point: point["width"] != 3, seed=3)
    points = []
    for number in range(9):
        points.append(search.suggest(str(number)))
        search.on_trial_complete(str(number), {"score": worth(points[-1]), "loss": 1.0})
    assert points[0] == FIRST
    assert {point["width"] for point in points} == {1, 2}


def test_the_same_seed_proposes_the_same_points():
    def proposed():
        search = searcher(SearchSettings(), SPACE, (SCORE,), FIRST, lambda _: True, seed=5)
        points = []
        for number in range(12):
            points.append(search.suggest(str(number)))
            search.on_trial_complete(str(number), {"score": worth(points[-1])})
        return points

    assert proposed() == proposed()


def test_a_space_without_any_possible_point_is_said():
    with pytest.raises(RecipeError, match="points in a row were impossible"):
        searcher(SearchSettings(), SPACE, (SCORE,), FIRST, lambda _: False, seed=0).suggest("a")
