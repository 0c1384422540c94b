"""The space of a search: what a recipe varies, each setting by its dotted name, within the range its part declares.

`check` refuses a recipe that names, in `[fit]` or `[search]`, what is not there.

fit.face.mamba.lr          how a member is fitted          face.mamba.layers      a setting of a member's head
fusion.fusion_heads        of the fusion                   mapping.temperature    of the mapping
speech.onset               of a cue                        audio.gate             of a modality
smoothing.width            of how rows are smoothed
fusion.kind                which fusion                    mapping.kind           which mapping
members.face.mamba         whether a member takes part; `members` names several, or all with {}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ensemble.catalog import FUSIONS, MAPPINGS
from ensemble.plan import EnsembleSettings
from ensemble.smoothing import Smoothing
from modalities.catalog import CUES, HEADS, MODALITIES, find
from modalities.config import Choice, Config, Integers, Range, Uniform, ranges
from tuning.fit import FitSettings
from tuning.recipe import Bounds, Recipe, RecipeError


def check(recipe: Recipe) -> None:
    """Refuse a recipe that names a part, a member or a setting that is not there; the RecipeError says what is."""
    members = [f"{name}.{head}" for name, modality in recipe.ensemble.modalities.items() for head in modality.heads]
    there = [*members, "fusion", "default"]
    for name in recipe.fit.keys() - set(there):
        raise RecipeError(f"the recipe {recipe.name} says how to fit {name}, but there is only {', '.join(there)}")
    space(recipe)


def declared(settings: EnsembleSettings, kinds: Mapping[str, tuple[Any, ...]] | None = None) -> dict[str, Range]:
    """Return the range of every setting of an ensemble's parts, and of how its members are fitted, by dotted name.

    `kinds`: the kinds of fusion and mapping that are searched too, whose settings are then there beside.
    """
    configs: dict[str, type[Config]] = {"fit.fusion": FitSettings, "smoothing": Smoothing}
    configs |= {name: _config(name, cue.get("kind"), CUES) for name, cue in settings.cues.items()}
    for name, modality in settings.modalities.items():
        configs[name] = _config(name, modality.kind, MODALITIES)
        for head, wish in modality.heads.items():
            configs[f"{name}.{head}"] = _config(f"{name}.{head}", wish.kind, HEADS)
            configs[f"fit.{name}.{head}"] = FitSettings
    found = {f"{part}.{setting}": one for part, config in configs.items() for setting, one in ranges(config).items()}
    for part, (chosen, catalog) in {
        "fusion": (settings.fusion, FUSIONS),
        "mapping": (settings.mapping, MAPPINGS),
    }.items():
        found[f"{part}.kind"] = Choice(tuple(catalog))
        for kind in (chosen.get("kind"), *(kinds or {}).get(part, ())):
            found = {f"{part}.{name}": one for name, one in ranges(_config(part, kind, catalog)).items()} | found
    members = (f"{name}.{head}" for name, modality in settings.modalities.items() for head in modality.heads)
    return found | {f"members.{name}": Choice((True, False)) for name in members}


def _config(part: str, kind: Any, catalog: Mapping[str, str]) -> type[Config]:
    """Return the settings' class of a part; RecipeError where there is no such kind."""
    if not isinstance(kind, str):
        raise RecipeError(f"{part} must say its kind, one of {', '.join(catalog)}, or module:Class")
    try:
        found: type[Config] = find(kind, catalog).Config
    except (ValueError, TypeError) as error:
        raise RecipeError(f"{part} cannot be made: {error}") from error
    return found


def space(recipe: Recipe) -> dict[str, Range]:
    """Return what a recipe's search varies: the settings that `[search]` names, narrowed as it says.

    Raises RecipeError where a part has no such kind, or a setting has no range or is to leave it.
    """
    kinds = {"fusion": tuple(FUSIONS), "mapping": tuple(MAPPINGS)}
    searched = {part: kinds_of(recipe.search.get(f"{part}.kind"), there) for part, there in kinds.items()}
    known = declared(recipe.ensemble, searched)
    wishes = _with_members(recipe.search, known)
    for name in wishes.keys() - known.keys():
        raise RecipeError(f"the recipe {recipe.name} searches {name}, but {_there(name.rpartition('.')[0], known)}")
    return {name: _narrowed(recipe.name, name, known[name], wish) for name, wish in wishes.items()}


def kinds_of(wish: Bounds | tuple[Any, ...] | None, there: tuple[str, ...]) -> tuple[Any, ...]:
    """The kinds that a wish for one names: all there are, where it names none."""
    return () if wish is None else wish if isinstance(wish, tuple) else there


def _with_members(search: Mapping[str, Bounds | tuple[Any, ...]], known: Iterable[str]) -> dict[str, Any]:
    """Write `members` out: each that is named, or all, may take part or not."""
    wishes = dict(search)
    if (named := wishes.pop("members", None)) is not None:
        names = [f"members.{name}" for name in named] if isinstance(named, tuple) else None
        wishes |= dict.fromkeys(names or [name for name in known if name.startswith("members.")], Bounds())
    return wishes


def _there(part: str, known: Mapping[str, Range]) -> str:
    """Say what can be searched instead."""
    if settings := [name.rpartition(".")[2] for name in known if name.rpartition(".")[0] == part]:
        return f"{part} declares a range for {', '.join(settings)} alone"
    return f"there is only {', '.join(sorted({name.rpartition('.')[0] for name in known}))}"


def _narrowed(recipe: str, name: str, allowed: Range, wish: Bounds | tuple[Any, ...]) -> Range:
    if isinstance(wish, tuple):
        own = name.endswith(".kind")  # a stranger's module:Class has been found by now
        outside: list[Any] = [one for one in wish if not (within(one, allowed) or (own and ":" in str(one)))]
        if outside or not wish:
            raise RecipeError(f"the recipe {recipe} searches {name} in {list(wish)}, but {_said(allowed)} is allowed")
        return Choice(wish)
    given: Mapping[str, Any] = wish.model_dump(exclude_none=True)
    if isinstance(allowed, Choice):
        if given:
            raise RecipeError(
                f"the recipe {recipe} gives bounds for {name}, but {_said(allowed)} is allowed; name some"
            )
        return allowed
    kind = type(allowed)
    low, high = given.get("low", allowed.low), given.get("high", allowed.high)
    if not allowed.low <= low <= high <= allowed.high:
        raise RecipeError(
            f"the recipe {recipe} searches {name} from {low:g} to {high:g}, but {_said(allowed)} is allowed"
        )
    number = int if kind is Integers else float
    return kind(number(low), number(high), log=given.get("log", allowed.log))  # type: ignore[arg-type]  # number fits it


def within(option: Any, allowed: Range) -> bool:
    """Whether a value lies in a range; a whole number also lies between two others that are none."""
    if isinstance(allowed, Choice):
        return option in allowed.options
    whole = isinstance(option, int) or isinstance(allowed, Uniform)
    return isinstance(option, int | float) and whole and allowed.low <= option <= allowed.high


def _said(allowed: Range) -> str:
    if isinstance(allowed, Choice):
        return f"one of {', '.join(map(str, allowed.options))}"
    return f"{allowed.low} to {allowed.high}"
