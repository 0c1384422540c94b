"""A point of a search space, laid over a recipe: the recipe that the point stands for.

face.mamba.layers    a setting of a member's head        fit.face.mamba.lr    how the member is fitted
fusion.kind          another fusion                      mapping.kind         another mapping
members.audio.wavlm  whether a member takes part         smoothing.width      a setting of the smoothing
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from ensemble.catalog import FUSIONS, MAPPINGS
from modalities.catalog import HEADS, find
from modalities.config import Config
from tuning.fit import FUSION_FIT
from tuning.recipe import Recipe, RecipeError, parse_recipe
from tuning.space import kinds_of

MEMBERS = "members."
TOGETHER = "ensemble"
"""What is searched with no single member."""
CATALOGS = {"fusion": FUSIONS, "mapping": MAPPINGS}
WHOLE: Mapping[str, Mapping[str, Any]] = {"fusion": {"kind": "mhpf"}, "mapping": {"kind": "ppa"}, "smoothing": {}}
"""Parts of the ensemble as a whole, as they are where a recipe does not say."""


def laid_over(recipe: Recipe, point: Mapping[str, Any]) -> Recipe:
    """Return the recipe with a point's settings; RecipeError where they go together with nothing.

    Of a fusion or a mapping that takes the place of another kind only those settings stay that it has.
    """
    table = recipe.model_dump(mode="json", exclude_unset=True)
    for name, value in point.items():
        if not name.startswith(MEMBERS) and value is not None:  # None: no kind that is there has it
            _set(table, name, value)
    for part, catalog in CATALOGS.items():
        if part in table["ensemble"]:
            table["ensemble"][part] = _only_its_own(table["ensemble"][part], catalog)
    try:
        made = parse_recipe(table)
    except ValidationError as error:
        raise RecipeError(f"{dict(point)} makes no recipe: {error.errors()[0]['msg']}") from error
    left_out = {name.removeprefix(MEMBERS) for name, kept in point.items() if name.startswith(MEMBERS) and not kept}
    return without(made, left_out)


def without(recipe: Recipe, members: Collection[str]) -> Recipe:
    """Leave members out, how they are fitted, and the modalities that then have none.

    Cues stay, for others may need them (`Plan.again` leaves out those that nobody does).
    """
    modalities = {}
    for name, modality in recipe.ensemble.modalities.items():
        heads = {head: wish for head, wish in modality.heads.items() if f"{name}.{head}" not in members}
        if heads:
            modalities[name] = modality.model_copy(update={"heads": heads})
    if not modalities:
        raise RecipeError("every member is left out, so there is nothing to fuse; keep one")
    ensemble = recipe.ensemble.model_copy(update={"modalities": modalities})
    fits = {part: fit for part, fit in recipe.fit.items() if part not in members}
    return recipe.model_copy(update={"ensemble": ensemble, "fit": fits})


def now(recipe: Recipe, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the recipe's own values of settings: said by it, or the default of their part."""
    return {name: _now(recipe, name) for name in names}


def owner(recipe: Recipe, name: str) -> str:
    """Return what a setting is searched with: its member, or `ensemble`; RecipeError for what is perceived."""
    part, _ = _split(name, _members(recipe.ensemble.modalities))
    if name.startswith(MEMBERS) or part in WHOLE:
        return TOGETHER
    if part not in _members(recipe.ensemble.modalities):
        raise RecipeError(
            f"{name} changes what is perceived and encoded, and a search begins at encodings that are there; "
            "take it out of [search], and compare recipes with `twofold evaluate --against`"
        )
    return part


def _members(modalities: Mapping[str, Any]) -> list[str]:
    """Names of the members of modalities, be they settings or a table."""
    return [f"{name}.{head}" for name, one in modalities.items() for head in dict(one)["heads"]]


def _split(name: str, members: list[str]) -> tuple[str, list[str]]:
    """Take a dotted name apart: a part (a member's name has dots too), and the way to its setting."""
    bare = name.removeprefix("fit.")
    part = next((member for member in members if bare.startswith(f"{member}.")), bare.partition(".")[0])
    return part, bare.removeprefix(f"{part}.").split(".")


def _set(table: dict[str, Any], name: str, value: Any) -> None:
    ensemble = table["ensemble"]
    part, way = _split(name, _members(ensemble["modalities"]))
    if name.startswith("fit."):
        fits = table.setdefault("fit", {})
        own = FUSION_FIT.model_dump(exclude_unset=True) if part == "fusion" else fits.get("default", {})
        place = fits[part] = dict(fits.get(part, own))
    elif part in WHOLE:
        place = ensemble[part] = dict(ensemble.get(part, WHOLE[part]))
    else:
        modality, _, head = part.partition(".")
        wish = ensemble["modalities"][modality]["heads"][head]
        place = wish["settings"] = dict(wish.get("settings", {}))
    for step in way[:-1]:
        place[step] = dict(place.get(step, {}))
        place = place[step]
    place[way[-1]] = value


def _only_its_own(chosen: Mapping[str, Any], catalog: Mapping[str, str]) -> dict[str, Any]:
    fields = find(str(chosen["kind"]), catalog).Config.model_fields
    return {key: value for key, value in chosen.items() if key == "kind" or key in fields}


def _now(recipe: Recipe, name: str) -> Any:
    part, way = _split(name, _members(recipe.ensemble.modalities))
    if name.startswith(MEMBERS):
        return True
    if name.startswith("fit."):
        return getattr(recipe.fitting(part), way[0])
    if part == "smoothing":
        return getattr(recipe.ensemble.smoothing, way[0])
    if part in CATALOGS:
        chosen: Mapping[str, Any] = getattr(recipe.ensemble, part)
        kinds = [chosen["kind"], *kinds_of(recipe.search.get(f"{part}.kind"), tuple(CATALOGS[part]))]
        configs = [find(str(kind), CATALOGS[part]).Config for kind in kinds]
        has = next((config for config in configs if way[0] == "kind" or way[0] in config.model_fields), configs[0])
        return _said(chosen, way, has)
    modality, _, head = part.partition(".")
    wish = recipe.ensemble.modalities[modality].heads[head]
    return _said(wish.settings, way, find(wish.kind, HEADS).Config)


def _said(given: Mapping[str, Any], way: list[str], config: type[Config]) -> Any:
    """Return what is given, or the default; None for what this kind of part does not have."""
    name, rest = way[0], way[1:]
    if name in given:
        return _within(given[name], rest)
    field = config.model_fields.get(name)
    return None if field is None else _within(field.get_default(call_default_factory=True), rest)


def _within(value: Any, way: list[str]) -> Any:
    for step in way:
        value = value[step] if isinstance(value, Mapping) else getattr(value, step)
    return value
