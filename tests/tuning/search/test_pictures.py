"""Pictures of a search, and what they draw: which setting mattered, the front, the weights."""

import re
from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from PIL import Image

from modalities.config import Choice, Integers, Uniform
from tests.tuning.planted_search import COST, F1, MEMBERS, SPACE, planted
from tuning.search.outcome import Outcome, Trial
from tuning.search.shown.importance import LEAST, distribution, importance, unclear
from tuning.search.shown.pictures import (
    history_picture,
    importance_picture,
    pareto_picture,
    weights_picture,
    write_pictures,
)


def words(figure):
    figure.canvas.draw()
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text")) if text.get_visible()]


def inside(figure):
    """Whether all that is drawn lies on the sheet, after the layout has settled."""
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def judged(values, settings, space=None):
    trials = tuple(
        Trial(number, given, {"macro_f1": value}, "done", 1.0)
        for number, (value, given) in enumerate(zip(values, settings, strict=True))
    )
    return Outcome("ensemble", space or SPACE, (F1,), trials, 1.0, 1)


def test_the_setting_that_decides_is_told_from_the_others():
    shares = importance(planted(60, curves=False))
    assert next(iter(shares)) == "fit.face.transformer.lr"
    assert shares["fit.face.transformer.lr"] > 0.6
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_the_same_trials_give_the_same_shares():
    assert importance(planted()) == importance(planted())


def test_another_objective_has_other_reasons():
    outcome = planted(60, objectives=(F1, COST), curves=False)
    assert next(iter(importance(outcome, COST))) == "face.transformer.layers"


def test_a_setting_that_only_some_trials_have_counts_by_what_those_differ_by():
    rng = np.random.default_rng(0)
    space = {"fusion.kind": Choice(("mhpf", "mean")), "fusion.fusion_heads": Integers(1, 64), "fit.lr": Uniform(0, 1)}
    settings = [{"fusion.kind": ("mhpf", "mean")[n % 2], "fit.lr": float(rng.random())} for n in range(60)]
    for number in range(0, 60, 2):
        settings[number]["fusion.fusion_heads"] = int(rng.integers(1, 65))
    values = [0.5 + one.get("fusion.fusion_heads", 30) / 200 + 0.001 * one["fit.lr"] for one in settings]
    assert next(iter(importance(judged(values, settings, space)))) == "fusion.fusion_heads"


@pytest.mark.parametrize(
    ("values", "settings", "why"),
    [
        (
            [0.1],
            [{"face.transformer.layers": 1}],
            f"1 of 1 trials with a value: too few to tell what mattered .from {LEAST} on.",
        ),
        ([], [], "0 of 0 trials"),
        ([0.5] * 9, [{"face.transformer.layers": 1 + n % 4} for n in range(9)], "every trial has the same macro_f1"),
        (np.arange(9.0), [{"face.transformer.layers": 2}] * 9, "no setting took two values"),
    ],
)
def test_where_nothing_can_be_told_the_picture_says_why(values, settings, why):
    outcome = judged(values, settings)
    assert importance(outcome) == {}
    assert re.match(why, unclear(outcome))
    assert unclear(outcome) in words(importance_picture(outcome))


def test_what_was_tried_outside_of_its_range_counts_too():
    settings = [{"face.transformer.layers": n, "fusion.kind": ("mean", "gated")[n % 2]} for n in range(12)]
    assert importance(judged(np.arange(12.0), settings))["face.transformer.layers"] > 0.5


def test_a_range_becomes_that_of_optuna():
    assert distribution(Uniform(0.1, 2, log=True)) == FloatDistribution(0.1, 2, log=True)
    assert distribution(Integers(1, 4)) == IntDistribution(1, 4)
    assert distribution(Choice(("a", 1, None, 0.5))) == CategoricalDistribution(("a", 1, None, 0.5))
    assert distribution(Choice((True, False))) == CategoricalDistribution((True, False))
    with pytest.raises(ValueError, match=r"an option is \(8, 16\); give it a name"):
        distribution(Choice(("a", (8, 16))))


def test_the_history_shows_every_trial_by_what_became_of_it():
    outcome = planted()
    left, right = history_picture(outcome).axes
    drawn = {one.get_label(): len(one.get_offsets()) for one in left.collections}
    states = [trial.state for trial in outcome.trials]
    winner = outcome.best()
    assert drawn.pop(f"winner: trial {winner.number}, {winner.values['macro_f1']:.4g}") == 1
    assert drawn == {
        "done": states.count("done") - 1,
        "stopped early": states.count("stopped"),
        "failed, or no value": states.count("failed"),
    }
    best = left.lines[0].get_ydata()
    assert best[-1] == winner.values["macro_f1"]
    assert len(right.lines) == 2 * sum(bool(trial.curve) for trial in outcome.trials)


def test_without_curves_there_is_one_panel():
    assert len(history_picture(planted(curves=False)).axes) == 1


def test_the_front_is_joined_and_the_budget_drawn():
    outcome = planted(objectives=(F1, COST))
    (panel,) = pareto_picture(outcome, {"cost_ms": 15}).axes
    front = panel.lines[0]
    assert sorted(front.get_xdata()) == sorted(trial.values["cost_ms"] for trial in outcome.front())
    assert list(panel.lines[1].get_xdata()) == [15, 15]
    winner = outcome.best({"cost_ms": 15})
    star = next(one for one in panel.collections if str(one.get_label()).startswith("winner"))
    assert star.get_offsets().tolist() == [[winner.values["cost_ms"], winner.values["macro_f1"]]]


def test_each_further_objective_has_a_panel():
    assert len(pareto_picture(planted(objectives=(F1, COST, MEMBERS))).axes) == 2
    with pytest.raises(ValueError, match="has the objective macro_f1 alone; a front needs two"):
        pareto_picture(planted())


def test_weights_are_written_into_their_cells():
    weights = np.array([[0.25, 1.0, np.nan], [0.75, 0.0, 1.0]])
    figure = weights_picture({"expression": (("face", "audio"), ("Anger", "Fear", "Other"), weights)})
    said = words(figure)
    assert {"0.25", "0.75", "1.00", "0.00", "–", "face", "audio", "Other"} <= set(said)
    assert any("each column sums to one" in text for text in said)
    twice = weights_picture({"expression": (("face", "audio"), ("Anger", "Fear", "Other"), 2 * weights)})
    assert any("do not sum to one" in text for text in words(twice))


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expression: weights of 2 members × 1 labels, got \(1, 2\)"):
        weights_picture({"expression": (("face", "audio"), ("Anger",), np.ones((1, 2)))})
    with pytest.raises(ValueError, match="no matrix"):
        weights_picture({})


LONG = tuple(f"{modality}.{head}" for modality in ("face_landmarks", "audio.wavlm", "scene") for head in "abcd")


@pytest.mark.slow
@pytest.mark.parametrize(
    "outcome",
    [planted(), planted(1), planted(objectives=(F1, COST, MEMBERS), curves=False), planted(0), planted(120)],
    ids=["usual", "one", "three", "none", "many"],
)
def test_no_word_is_cut_off(outcome):
    weights = {"action_units": (LONG, [f"Fearfully Surprised {n}" for n in range(12)], np.full((12, 12), 1 / 12))}
    figures = [history_picture(outcome), importance_picture(outcome), weights_picture(weights)]
    figures += [pareto_picture(outcome, {"cost_ms": 15})] if len(outcome.objectives) > 1 else []
    assert all(inside(figure) for figure in figures)


@pytest.mark.slow
def test_pictures_are_written_where_there_is_something_to_show(tmp_path):
    weights = {"expression": (("face", "audio"), ("Anger",), np.array([[0.25], [0.75]]))}
    one = write_pictures(planted(), tmp_path / "one")
    two = write_pictures(planted(objectives=(F1, COST)), tmp_path / "two", {"cost_ms": 15}, weights)
    assert [path.name for path in one] == ["history.png", "importance.png"]
    assert [path.name for path in two] == ["history.png", "importance.png", "pareto.png", "weights.png"]
    for path in (*one, *two):
        with Image.open(path) as picture:
            assert np.asarray(picture.convert("L")).std() > 5


@pytest.mark.slow
def test_a_search_that_judged_nothing_says_so_in_every_picture(tmp_path):
    outcome = planted(objectives=(F1, COST), curves=False)
    failed = replace(outcome, trials=tuple(replace(trial, values={}, state="failed") for trial in outcome.trials))
    assert any("none of 30 trials has a value" in text for text in words(history_picture(failed)))
    assert any("0 of 30 trials with a value" in text for text in words(importance_picture(failed)))
    assert "no trial has a value of every objective" in words(pareto_picture(failed))
    assert len(write_pictures(failed, tmp_path)) == 3
