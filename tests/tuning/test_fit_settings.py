"""A mistaken setting is told in a sentence, before anything is fitted."""

import pytest
from pydantic import ValidationError

from tests.makers import make_head
from tests.tuning.toy_rows import TRAIN
from tuning.fit import FitSettings
from tuning.objectives import HeadObjective
from tuning.recipe import RecipeError, read_recipe


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"batch": 0}, "greater than 0"),
        ({"epochs": -1}, "greater than 0"),
        ({"accumulate": 0}, "greater than 0"),
        ({"patience": -1}, "greater than or equal to 0"),
        ({"cycle": 0}, "greater than 0"),
        ({"lr": 0.0}, "greater than 0"),
        ({"lr": float("nan")}, "greater than 0"),
        ({"ema": 1.0}, "less than 1"),
        ({"smoothing": 1.0}, "less than 1"),
        ({"mixup": -0.1}, "greater than or equal to 0"),
        ({"task_weights": {"expression": -1.0}}, "greater than or equal to 0"),
        ({"member_dropout": 1.0}, "less than 1"),
        ({"optimiser": "sgd"}, "'adamw' or 'adam'"),
        ({"schedule": "linear"}, "'constant', 'cosine', 'restarts' or 'plateau'"),
        ({"learning_rate": 0.1}, "Extra inputs are not permitted"),
        ({"lr": 1e-4, "lr_floor": 1e-3}, "lr_floor is 0.001, above the rate of 0.0001"),
        ({"unfreeze": {2: ("trunk",)}}, "nothing learns before; begin at 0"),
        ({"epochs": 5, "unfreeze": {0: ("tasks",), 5: ("trunk",)}}, "the last of 5 epochs is 4"),
    ],
)
def test_a_mistake_in_a_setting(mistake, told):
    with pytest.raises(ValidationError, match=told):
        FitSettings(**mistake)


def test_a_mistake_in_a_recipe_names_the_key(tmp_path):
    recipe = tmp_path / "wrong.toml"
    recipe.write_text('name = "wrong"\n[ensemble.modalities]\n[fit.default]\nbatch = 0\n')
    with pytest.raises(RecipeError, match=r"wrong\.toml cannot be read"):
        read_recipe(recipe)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"task_weights": {"mood": 1.0}}, "task_weights name mood, which mean does not speak"),
        (
            {"task_weights": dict.fromkeys(("expression", "compound", "action_units", "valence_arousal"), 0.0)},
            "leave one above 0",
        ),
    ],
)
def test_a_mistake_that_only_the_head_knows(mistake, told):
    with pytest.raises(ValueError, match=told):
        HeadObjective(make_head("mean"), TRAIN, FitSettings(**mistake))
