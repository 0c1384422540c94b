"""A run: what is wrong is said before anything is made, and test is not opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ensemble.plan import Plan
from tests.tuning import tiny
from tuning.corpora.corpus import CorpusError
from tuning.encodings import EncodingCache
from tuning.recipe import RecipeError, parse_recipe, read_recipe
from tuning.run import run
from tuning.stages import Stages


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache of its own, with the assets of the usual one."""
    own = tiny.cache(tmp_path)
    monkeypatch.setenv("TWOFOLD_CACHE", str(own))
    return own


@pytest.fixture
def stages() -> Stages:
    return Stages(Console(quiet=True))


def test_clips_of_test_are_neither_encoded_nor_learnt_from(cache: Path, tmp_path: Path, stages: Stages) -> None:
    fit = {"default": {"epochs": 1}, "fusion": {"epochs": 1}}
    recipe = parse_recipe({**tiny.recipe().model_dump(mode="json", exclude_defaults=True), "fit": fit})
    plan, folder = Plan.of(recipe.ensemble), tmp_path / "corpus"
    tiny.make(folder, cache / "encodings", plan)
    for path in folder.glob("test-*.clip"):
        path.write_text(path.read_text() + " ")  # other bytes: what was encoded before is not of them
    run(recipe, {tiny.READER: folder}, tmp_path / "out", workers=0, stages=stages)  # without Ray nothing can be encoded
    test = tiny.read(folder).split("test")
    assert EncodingCache(cache / "encodings", plan).missing(test) == list(test)
    (before,) = (tmp_path / "out" / "fit").iterdir()
    for path in folder.glob("test-*.clip"):
        path.unlink()
    run(recipe, {tiny.READER: folder}, tmp_path / "out", workers=0, stages=stages)
    assert [*(tmp_path / "out" / "fit").iterdir()] == [before], "what was fitted does not depend on test"


def test_a_recipe_that_names_what_is_not_there_is_refused_first(tmp_path: Path, stages: Stages) -> None:
    known = tiny.recipe()
    wrongs: list[dict[str, Any]] = [{"fit": {"face.statik": {}}}, {"search": {"face.static.colour": {}}}]
    for wrong in wrongs:
        recipe = parse_recipe({**known.model_dump(mode="json", exclude_defaults=True), **wrong})
        with pytest.raises(RecipeError, match=r"but (there is only face\.static, audio\.attention, fusion, |face\.st)"):
            run(recipe, {"affwild2": tmp_path / "nowhere"}, tmp_path, workers=0, stages=stages)


@pytest.mark.parametrize("corpus", ["affwild2", "nowhere"])
def test_a_corpus_that_is_not_there_is_said_before_weights_that_are_not(
    corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: Stages
) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path))
    with pytest.raises((CorpusError, FileNotFoundError), match="nowhere"):
        run(read_recipe("ras-05"), {corpus: tmp_path / "nowhere"}, tmp_path, workers=0, stages=stages)
    assert not list(tmp_path.iterdir())
