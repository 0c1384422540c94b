"""Points: a point laid over a recipe is the recipe that somebody would have written by hand."""

from __future__ import annotations

import pytest

from modalities.config import Choice, Integers, Uniform
from tests.tuning import tiny
from tuning.recipe import Bounds, RecipeError, parse_recipe, read_recipe
from tuning.search.point import laid_over, now, owner, without
from tuning.search.settings import SearchSettings
from tuning.space import space


@pytest.fixture(scope="module")
def demo():
    return read_recipe("demo")


def test_a_point_sets_what_it_names(demo):
    point = {
        "face.mamba.layers": 3,
        "fit.face.mamba.lr": 0.02,
        "fusion.fusion_heads": 5,
        "fit.fusion.pull": 2.0,
        "mapping.spoken_share": 0.25,
        "smoothing.window": "box",
        "smoothing.width": 0.5,
    }
    laid = laid_over(demo, point)
    assert laid.ensemble.modalities["face"].heads["mamba"].settings == {"layers": 3}
    assert laid.fitting("face.mamba").lr == 0.02
    assert laid.fitting("face.mamba").epochs == demo.fitting("face.mamba").epochs
    assert laid.fitting("face.transformer") == demo.fitting("face.transformer")
    assert laid.ensemble.fusion == {"kind": "mhpf", "fusion_heads": 5}
    assert laid.fitting("fusion").pull == 2.0
    assert laid.ensemble.mapping == {"kind": "ppa", "spoken_share": 0.25}
    assert (laid.ensemble.smoothing.window, laid.ensemble.smoothing.width) == ("box", 0.5)
    assert now(laid, tuple(point)) == point


def test_the_own_values_of_a_recipe_change_nothing(demo):
    names = tuple(space(read_recipe("demo-search")))
    own = now(demo, names)
    assert own["face.mamba.layers"] == 2
    assert own["face.mamba.kernel"] == 6  # the head's own default
    assert own["fusion.kind"] == "mhpf"
    assert own["members.text.mean"] is True
    laid = laid_over(demo, own)
    assert now(laid, names) == own
    assert laid.ensemble.modalities.keys() == demo.ensemble.modalities.keys()


def test_another_kind_takes_only_the_settings_that_it_has(demo):
    assert laid_over(demo, {"fusion.kind": "mean"}).ensemble.fusion == {"kind": "mean"}
    assert laid_over(demo, {"fusion.kind": "mhpf"}).ensemble.fusion == {"kind": "mhpf", "fusion_heads": 3}
    assert now(laid_over(demo, {"fusion.kind": "mean"}), ("fusion.fusion_heads",)) == {"fusion.fusion_heads": None}


def test_members_that_are_left_out_take_their_modality_and_their_fit_with_them(demo):
    laid = laid_over(demo, {"members.match.clip": False, "members.face.static": False, "members.face.mamba": True})
    assert "match" not in laid.ensemble.modalities
    assert set(laid.ensemble.modalities["face"].heads) == {"transformer", "mamba"}
    assert "match.clip" not in laid.fit
    assert "fusion" in laid.fit
    everybody = {f"{name}.{head}" for name, one in demo.ensemble.modalities.items() for head in one.heads}
    with pytest.raises(RecipeError, match="every member is left out"):
        without(demo, everybody)


def test_who_searches_what(demo):
    assert owner(demo, "face.mamba.layers") == owner(demo, "fit.face.mamba.lr") == "face.mamba"
    for name in ("fusion.kind", "fit.fusion.pull", "mapping.kind", "smoothing.width", "members.face.mamba"):
        assert owner(demo, name) == "ensemble"
    with pytest.raises(RecipeError, match=r"speech.onset changes what is perceived .* compare recipes"):
        owner(demo, "speech.onset")


def searched(demo, **search):
    return space(demo.model_copy(update={"search": search}))


def test_kinds_bring_their_settings_into_the_space(demo):
    there = searched(demo, **{"fusion.kind": ("mean", "gated"), "mapping.kind": ("ppa", "pfsa")})
    assert there["fusion.kind"] == Choice(("mean", "gated"))
    assert "mapping.temperature" in searched(
        demo, **{"mapping.kind": ("ppa", "pfsa"), "mapping.temperature": Bounds(low=0.1)}
    )
    with pytest.raises(RecipeError, match=r"searches mapping.temperature, but mapping declares"):
        searched(demo, **{"mapping.temperature": Bounds()})
    with pytest.raises(RecipeError, match="there is no part 'guess'; choose one of mhpf, mean"):
        searched(demo, **{"fusion.kind": ("guess",)})


def test_members_are_written_out(demo):
    everybody = [f"members.{name}.{head}" for name, one in demo.ensemble.modalities.items() for head in one.heads]
    assert list(searched(demo, members=Bounds())) == everybody
    assert searched(demo, members=("face.mamba",)) == {"members.face.mamba": Choice((True, False))}
    with pytest.raises(RecipeError, match=r"searches members.face.nobody"):
        searched(demo, members=("face.nobody",))


def test_the_shipped_search_has_the_ranges_of_the_paper():
    there = space(read_recipe("demo-search"))
    assert there["face.mamba.hidden"] == there["face.mamba.vector"] == Choice((128, 256, 512))
    assert there["face.mamba.layers"] == Integers(1, 4)
    assert there["face.mamba.state"] == Integers(4, 16)
    assert there["face.mamba.kernel"] == Integers(1, 7)
    assert isinstance(there["smoothing.width"], Uniform)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"objectives": ("beauty",)}, "there is no objective beauty; choose from tasks"),
        ({"limits": {"macro_f1": 0.5}}, "a limit is an upper bound, but macro_f1 is better the larger"),
        ({"folds": 1}, "one fold leaves nothing to learn from"),
        ({"objectives": ("tasks", "cost_ms"), "sampler": "greedy"}, "greedy compares one number"),
        ({"objectives": ()}, "at least 1 item"),
    ],
)
def test_settings_that_make_no_search_are_refused(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        SearchSettings.model_validate(table)


def test_how_to_search_does_not_change_what_is_fitted():
    assert tiny.recipe().tune == SearchSettings()


def test_what_only_another_kind_has_begins_at_its_default(demo):
    """Greedy begins there, and the own values of a recipe are tried though its kind lacks a setting."""
    wished = {"fusion.kind": ("mean", "mhpf"), "fusion.fusion_heads": (1, 3)}
    table = demo.model_dump(mode="json", exclude_unset=True) | {"search": wished}
    table["ensemble"]["fusion"] = {"kind": "mean"}
    mean = parse_recipe(table)
    own = now(mean, tuple(wished))
    assert own == {"fusion.kind": "mean", "fusion.fusion_heads": 3}
    assert laid_over(mean, own).ensemble.fusion == {"kind": "mean"}
    assert laid_over(mean, {**own, "fusion.kind": "mhpf"}).ensemble.fusion == {"kind": "mhpf", "fusion_heads": 3}
