"""The best trials once more: what won by luck does not win again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import ray

from tests.tuning import tiny
from tuning.placement import ClusterSettings, Share
from tuning.search.outcome import Objective, Outcome, Trial
from tuning.search.trials.confirm import confirm


@dataclass
class Worker:
    """Scores a point by what it is worth, and by the luck of its seed."""

    seed: int
    scores: tuple[float, ...] = ()

    def begin(self, point):
        rng = np.random.default_rng(self.seed * 1000 + int(100 * point["x"]))
        self.scores = tuple(point["worth"] + rng.normal(0, 0.01, 3))

    def go_on(self):
        if self.scores[0] < 0:
            raise FloatingPointError("the loss became nan")
        return {}, True


@dataclass(frozen=True)
class Task:
    recipe: object

    def open(self):
        return Worker(self.recipe.seed)


@dataclass(frozen=True)
class Claiming(Task):
    """The share of a core that it was given is the worth of whatever is fitted."""

    def open(self):
        share = ray.get_runtime_context().get_assigned_resources()["CPU"]
        return Fixed(self.recipe.seed, (share,))


class Fixed(Worker):
    def begin(self, point):
        self.scores = (self.scores[0] if point["x"] else 0.4,)


def outcome(*worths):
    trials = tuple(
        Trial(n, {"x": n / 10, "worth": worth}, {"score": said}, "done", 1.0) for n, (worth, said) in enumerate(worths)
    )
    return Outcome("face.mamba", {}, (Objective("score", "max"),), trials, 1.0, 1)


@pytest.fixture(scope="module", autouse=True)
def _ray():
    from tuning.cluster import running

    with running(cpus=2):
        yield


pytestmark = [pytest.mark.ray, pytest.mark.timeout(200)]


def test_luck_does_not_win_again():
    own = {"x": 0.0, "worth": 0.6}
    lucky = outcome((0.6, 0.6), (0.6, 0.9), (0.7, 0.8), (0.2, 0.7))
    assert lucky.best().number == 1
    assert confirm(Task(tiny.recipe()), lucky, own, seeds=3).best().number == 2


def test_the_own_values_stay_unless_another_is_surely_better():
    own = {"x": 0.0, "worth": 0.6}
    task = Task(tiny.recipe())
    assert confirm(task, outcome((0.6, 0.6), (0.6, 0.9), (0.5, 0.8)), own, seeds=3).chosen == 0
    assert confirm(task, outcome((0.6, 0.6), (-1.0, 0.9), (0.7, 0.8)), own, seeds=3).chosen == 2  # one diverges


@pytest.mark.parametrize(("cpus", "chosen"), [(None, 1), (0.25, 0)])
def test_a_fit_claims_what_the_recipe_says(cpus, chosen):
    recipe = tiny.recipe().model_copy(update={"cluster": ClusterSettings(fit=Share(cpus=cpus))})
    found = confirm(Claiming(recipe), outcome((0.6, 0.6), (0.6, 0.9)), {"x": 0.0, "worth": 0.6}, seeds=2)
    assert found.chosen == chosen  # 1 core is worth more than 0.4, a quarter is not


def test_where_nothing_is_to_be_compared_nothing_is_fitted():
    alone = outcome((0.6, 0.6))
    assert confirm(Task(tiny.recipe()), alone, {"x": 0.0, "worth": 0.6}, seeds=3) is alone
    several = outcome((0.6, 0.6), (0.7, 0.9))
    assert confirm(Task(tiny.recipe()), several, {}, seeds=0) is several
    assert replace(several, chosen=0).best().number == 0
