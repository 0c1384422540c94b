"""The tiny twin of a recipe: the same parts with small sizes and drawn weights, for the demo corpus.

Every model that others trained becomes its `tiny` preset, and everything is fitted for two epochs, so that a recipe
can be tried, whole, on a machine without its weights and corpora. What it says is worth nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modalities.catalog import CUES, ENCODERS, HEADS, find

EPOCHS = 2
_NETWORKS = ("encoder", "model", "backbone")
"""Settings that name an encoder."""


def twin(table: Mapping[str, Any]) -> dict[str, Any]:
    """Make the table of the twin of a recipe that can be read; it is called as the recipe, and `-tiny`.

    A kind that there is not is a ValueError; what names no part is left as it is, for the plan to refuse.
    Modules that learn late bear other names in a small network, so `unfreeze` is for the recipe's `[tiny]` to say.
    """
    ensemble = table.get("ensemble", {})
    cues = {name: _small(cue, CUES) for name, cue in ensemble.get("cues", {}).items()}
    modalities = {name: _modality(modality) for name, modality in ensemble.get("modalities", {}).items()}
    fits = {
        member: {**{key: value for key, value in fit.items() if key != "unfreeze"}, "epochs": EPOCHS}
        for member, fit in table.get("fit", {}).items()
    }
    return {
        **table,
        "name": f"{table.get('name')}-tiny",
        "corpora": ["demo"],
        "ensemble": {**ensemble, "cues": cues, "modalities": modalities},
        "fit": {"default": {"epochs": EPOCHS}, **fits},
    }


def _modality(given: Mapping[str, Any]) -> dict[str, Any]:
    heads = {name: {**head, "settings": _head(head)} for name, head in given.get("heads", {}).items()}
    return {**given, "settings": _with_small_networks(given.get("settings", {})), "heads": heads}


def _head(head: Mapping[str, Any]) -> dict[str, Any]:
    """Make the settings of a head small."""
    settings = _with_small_networks(head.get("settings", {}))
    fields = find(head["kind"], HEADS).Config.model_fields
    return {**settings, "preset": "tiny"} if "preset" in fields else settings


def _with_small_networks(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _small(value, ENCODERS) if key in _NETWORKS else value for key, value in settings.items()}


def _small(part: Any, catalog: Mapping[str, str]) -> Any:
    """Make a part small that is, or names, a model that others trained."""
    if not isinstance(part, Mapping) or "kind" not in part:
        return part
    small = _with_small_networks(part)
    return {**small, "preset": "tiny"} if "preset" in find(part["kind"], catalog).Config.model_fields else small
