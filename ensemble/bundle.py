"""The bundle: a folder with everything that a Recognizer needs, to be loaded here or on another machine.

    bundle.json                 settings, labels, versions, licences, where it came from
    parts/<instance>/           each part's settings and labels, and its weights as safetensors

Embedded assets are named with their sha256, not copied: `twofold fetch` brings the same bytes anywhere.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ensemble.host import Host
from ensemble.manifest import FORMAT, MANIFEST, BundleError, read_manifest
from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from modalities import assets
from modalities.cues.cue import Cue
from modalities.part import Part
from modalities.pretrained import Origin
from modalities.whole import whole

_VERSIONED = ("torch", "mediapipe", "onnxruntime", "opencv-contrib-python", "numpy", "av")


def save(plan: Plan, folder: Path, provenance: Mapping[str, Any] | None = None) -> None:
    """Write a plan with its weights; `provenance` says how they came about.

    The manifest goes first and comes last: what is half written is no bundle, also where there was one before.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, part in plan.parts.items():
        part.save(folder / "parts" / name)
    manifest = {
        "format": FORMAT,
        "settings": plan.settings.model_dump(mode="json"),
        "members": [member.name for member in plan.members],
        "labels": {name: list(task.labels) for name, task in plan.tasks.items()},
        "parts": [{"instance": n, "name": part.name, "licence": part.licence} for n, part in _all_parts(plan).items()],
        "assets": [_describe(asset) for asset in _assets(plan)],
        "models": [_origin(part.config.origin) for part in _all_parts(plan).values() if _is_pretrained(part)],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}},
        "provenance": dict(provenance or {}),
    }
    with whole(folder / MANIFEST) as unfinished:
        unfinished.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def load(folder: Path | str) -> Recognizer:
    """Read a bundle; a BundleError or MissingAsset says in a sentence what is not there."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    for entry in manifest["assets"]:
        _check_asset(entry, folder)
    plan = _plan(folder, manifest["settings"])
    labels = {name: list(task.labels) for name, task in plan.tasks.items()}
    if manifest["labels"] != labels:
        raise BundleError(f"{folder} says that its labels are {manifest['labels']}, but its settings make {labels}")
    loaded = {name: _load_part(part, folder / "parts" / name) for name, part in plan.parts.items()}
    return Recognizer(
        replace(
            plan,
            cues={name: loaded[name] for name in plan.cues},
            modalities={name: loaded[name] for name in plan.modalities},
            heads={name: loaded[name] for name in plan.heads},
            fusion=loaded["fusion"],
            mapping=loaded["mapping"],
        )
    )


def load_cue(folder: Path, name: str) -> Cue:
    """Read one cue of a bundle, for a process that does nothing else."""
    return _load_part(load_plan(folder).cues[name], folder / "parts" / name)  # type: ignore[no-any-return]  # a part of its own class


def load_host(folder: Path, name: str) -> Host:
    """Read one modality of a bundle with its heads, and nothing else of what the bundle holds."""
    settings = read_manifest(folder)["settings"]
    plan = _plan(folder, {**settings, "modalities": {name: settings["modalities"][name]}})
    parts = {part: _load_part(plan.parts[part], folder / "parts" / part) for part in (name, *plan.heads)}
    heads = {head: parts[head] for head in plan.heads}
    return Host(replace(plan, modalities={name: parts[name]}, heads=heads), name)


def load_plan(folder: Path) -> Plan:
    """Read a bundle's plan, with fresh weights: for whoever only needs to know what belongs to what."""
    return _plan(folder, read_manifest(folder)["settings"])


def _plan(folder: Path, settings: Mapping[str, Any]) -> Plan:
    try:
        return Plan.of(EnsembleSettings.model_validate(settings))
    except (ValueError, TypeError) as error:
        raise BundleError(f"{folder} has settings that make no ensemble ({error}); make the bundle again") from error


def _load_part(part: Part, folder: Path) -> Any:
    """Read the part that stands in a plan; its weights must be for the labels that the plan's speaks."""
    try:
        loaded = type(part).load(folder)
    except assets.AssetError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BundleError(f"the part {folder.name} cannot be read ({error}); make {folder.parent} again") from error
    if dict(loaded.speaks) != dict(part.speaks):
        raise BundleError(f"the part {folder.name} speaks other labels than its bundle says; make the bundle again")
    return loaded


def _all_parts(plan: Plan) -> dict[str, Any]:
    """Every part with a licence: the plan's own, and the encoders inside its modalities."""
    return plan.parts | {f"{name}.encoder": modality.encoder for name, modality in plan.modalities.items()}


def _assets(plan: Plan) -> list[assets.Asset]:
    wanted = {name for part in _all_parts(plan).values() for name in part.assets}
    return [asset for asset in assets.table() if asset.name in wanted]


def _is_pretrained(part: Part) -> bool:
    return isinstance(getattr(part.config, "origin", None), Origin)  # a tuned head has one too


def _origin(origin: Origin) -> dict[str, Any]:
    """Say where a model that others trained comes from; it is fetched by name, so there is no hash of it."""
    return {
        "name": origin.name,
        "source": f"hub: {origin.name}@{origin.revision or 'main'}",
        "licence": origin.licence,
        "commercial": origin.commercial,
    }


def _describe(asset: assets.Asset) -> dict[str, Any]:
    return {
        "name": asset.name,
        "source": asset.source,
        "sha256": asset.sha256,
        "licence": asset.licence,
        "commercial": asset.commercial,
    }


def _check_asset(entry: Mapping[str, Any], folder: Path) -> None:
    known = {asset.name: asset for asset in assets.table()}
    if entry["name"] not in known or known[entry["name"]].sha256 != entry["sha256"]:
        raise BundleError(
            f"{folder} was made with {entry['name']} of sha256 {entry['sha256']}, which assets.toml does not list; "
            "use the version of Twofold that made it, or train again"
        )
    assets.locate(entry["name"])
