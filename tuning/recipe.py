"""Recipes: one strict TOML file describes a run, and names every part instance.

    include = ["ras-01", "my-own.toml"]      # shipped ones by name, others by a path beside this file
    [search]                                 # what a search varies, within the ranges that the parts declare
    "face.mamba.layers" = { low = 1, high = 4 }
    [tune]                                   # and how (`tuning/search/settings.py`)
    trials = 40
    [cluster]                                # where the work runs, for who has several machines (`tuning/placement.py`)
    encoders = { gpus = 0.5 }

What a file says itself stands above what it includes, key by key. `[tiny]` says how the recipe's twin differs
(`tuning/twin.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ensemble.plan import EnsembleSettings
from modalities.config import Config
from tuning.fit import FUSION_FIT, FitSettings
from tuning.placement import ClusterSettings
from tuning.search.settings import SearchSettings
from tuning.twin import twin

RECIPES = Path(__file__).parent / "recipes"


class RecipeError(ValueError):
    """A recipe that cannot be run; the message says which key and why."""


class Bounds(Config):
    """What a search may draw a number from; left out, as far as the part allows."""

    low: float | None = None
    high: float | None = None
    log: bool | None = None


class Recipe(Config):
    """A run: which corpora, which ensemble, and how each member is fitted."""

    name: str
    source: Literal["paper", "code"] | None = None
    """Whose settings these are where a paper and its released code disagree."""
    corpora: tuple[str, ...] = ()
    """Names of the corpora that it is made for; a run may name others."""
    seed: int = 7
    ensemble: EnsembleSettings
    fit: dict[str, FitSettings] = {}
    """Member (or `fusion`) → how it is fitted; `default` for members that are not named."""
    search: dict[str, Bounds | tuple[Any, ...]] = {}
    """Setting by dotted name → what a search draws it from (`tuning/space.py`)."""
    tune: SearchSettings = SearchSettings()
    """How `twofold tune` goes about it."""
    cluster: ClusterSettings = ClusterSettings()
    """Where the work runs in a cluster; no result depends on it."""

    def fitting(self, part: str) -> FitSettings:
        """How a member, or the fusion, is fitted; `default` is for members."""
        return self.fit.get(part) or (FUSION_FIT if part == "fusion" else self.fit.get("default") or FitSettings())


def shipped() -> dict[str, Path]:
    """Name → file of every recipe that comes with the project; what begins with `_` is only included by others."""
    return {path.stem: path for path in sorted(RECIPES.rglob("*.toml"), key=lambda path: path.stem)}


def offered() -> dict[str, Path]:
    """Name → file of every recipe that comes with the project and can be run."""
    return {name: path for name, path in shipped().items() if not name.startswith("_")}


def read_recipe(source: str | Path, *, tiny: bool = False) -> Recipe:
    """Read a recipe by its path, or by the name of a shipped one; `tiny` reads its twin."""
    path = _find(str(source), Path(), offered())
    table = _read(path, ())
    differs = table.pop("tiny", {})
    if not isinstance(differs, dict):
        raise RecipeError(f"{path.name}: tiny takes a table, [tiny], but got {differs!r}")
    recipe = _parsed(path, table)
    if not tiny:
        return recipe
    try:
        small = twin(table)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"{path.name} has no tiny twin: {error}") from error
    return _parsed(path, merged(small, differs))


def parse_recipe(table: dict[str, Any]) -> Recipe:
    """Make a recipe of a table."""
    return Recipe.model_validate(table)


def _parsed(path: Path, table: dict[str, Any]) -> Recipe:
    try:
        return parse_recipe(table)
    except ValidationError as error:
        problem = error.errors()[0]
        raise RecipeError(
            f"{path.name} cannot be read: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        ) from error


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Put one table above another: tables are merged key by key, anything else is replaced."""
    both = dict(below)
    for key, value in above.items():
        mergeable = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if mergeable else value
    return both


def _find(source: str, beside: Path, known: Mapping[str, Path]) -> Path:
    path = Path(source).expanduser()
    found = beside / path if path.suffix else known.get(source)
    if found is None or not found.is_file():
        names = ", ".join(offered())
        raise RecipeError(f"there is no recipe {source}; give a TOML file, or one of those shipped: {names}")
    return found


def _read(path: Path, within: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and what it includes, one above the other."""
    if path in within:
        circle = " → ".join(one.name for one in (*within, path))
        raise RecipeError(f"recipes include each other in a circle: {circle}")
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path.name} cannot be read: {error}") from error
    included, table = own.pop("include", []), dict[str, Any]()
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        raise RecipeError(f'{path.name}: include takes a list of recipes, but got {included!r}; write as ["ras-01"]')
    for name in included:
        table = merged(table, _read(_find(name, path.parent, shipped()), (*within, path)))
    return merged({key: value for key, value in table.items() if key != "name"}, own)
