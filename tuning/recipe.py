"""Recipes: one strict TOML file describes a run, and names every part instance."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ensemble.plan import EnsembleSettings
from modalities.config import Config
from tuning.fit import FitSettings

RECIPES = Path(__file__).parent / "recipes"


class RecipeError(ValueError):
    """A recipe that cannot be run; the message says which key and why."""


class Recipe(Config):
    """A run: which corpus, which ensemble, and how each member is fitted."""

    name: str
    corpora: tuple[str, ...] = ()
    """Names of the corpora that it is made for; a run may name others."""
    seed: int = 7
    ensemble: EnsembleSettings
    fit: dict[str, FitSettings] = {}
    """Member (or `fusion`) → how it is fitted; `default` for those that are not named."""

    def fitting(self, part: str) -> FitSettings:
        """How a member, or the fusion, is fitted."""
        return self.fit.get(part) or self.fit.get("default") or FitSettings()


def read_recipe(source: str | Path) -> Recipe:
    """Read a recipe by its path, or by the name of a shipped one."""
    path = Path(source)
    if not path.suffix:
        path = RECIPES / f"{source}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
        raise RecipeError(f"there is no recipe {source}; give a TOML file, or one of those shipped: {shipped}")
    try:
        return parse_recipe(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path.name} cannot be read: {_first_problem(error)}") from error


def parse_recipe(table: dict[str, Any]) -> Recipe:
    """Make a recipe of a table."""
    return Recipe.model_validate(table)


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
    return str(error)
