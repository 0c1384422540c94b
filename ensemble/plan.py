"""The plan: which cues, which members, in which order; derived once from settings, run everywhere the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from pydantic import Field

from ensemble.catalog import FUSIONS, MAPPINGS
from ensemble.fusion import Fusion
from ensemble.mapping import Mapping as CompoundMapping
from modalities.catalog import CUES, HEADS, MODALITIES, build, find
from modalities.config import Config
from modalities.cues.cue import Cue
from modalities.grid import FRAMES, Grid
from modalities.heads.head import Head
from modalities.labels import EXPRESSION, Task, pairs_of, tasks
from modalities.modality import Modality
from modalities.types import ClipName, Frames, Percept, Waveform

BROUGHT: Mapping[str, type[Percept]] = {"clip": ClipName, "frames": Frames, "waveform": Waveform}
"""What every footage brings."""


class HeadSettings(Config):
    """A member: a head of a modality, its grid, and what it speaks."""

    kind: str
    grid: Grid | Literal["frames"] = "frames"
    tasks: tuple[str, ...] | None = None
    """Tasks it speaks; all that its modality can, if not given."""
    speaks: dict[str, tuple[str, ...]] = {}
    """Labels of a task, where the member knows only some."""
    settings: dict[str, Any] = {}


class ModalitySettings(Config):
    """A modality with its members."""

    kind: str
    heads: dict[str, HeadSettings]
    settings: dict[str, Any] = {}


class EnsembleSettings(Config):
    """Everything that a plan is derived from; a section of a recipe, and of a bundle."""

    cues: dict[str, dict[str, Any]]
    modalities: dict[str, ModalitySettings]
    fusion: dict[str, Any] = {"kind": "mhpf"}
    mapping: dict[str, Any] = {"kind": "ppa"}
    timeline: Grid | Literal["frames"] = "frames"
    expressions: tuple[str, ...] = EXPRESSION.labels.names
    """What the task `expression` tells apart; a corpus may have labels of its own."""
    compounds: dict[str, tuple[str, str]] = Field(default_factory=lambda given: pairs_of(given["expressions"]))
    """Pairs of them; if not given, those of ABAW that can be made."""


def grid_of(setting: Grid | Literal["frames"]) -> Grid:
    """Return the grid that a setting names."""
    return FRAMES if setting == "frames" else setting


@dataclass(frozen=True, slots=True)
class Member:
    """One head of a modality, inside a fusion."""

    name: str
    modality: str
    grid: Grid


@dataclass(frozen=True, slots=True)
class Plan:
    """Instances by name, in the order in which they run. Weights are as initialised until somebody restores them."""

    settings: EnsembleSettings
    tasks: Mapping[str, Task]
    cues: Mapping[str, Cue]
    modalities: Mapping[str, Modality]
    members: tuple[Member, ...]
    heads: Mapping[str, Head]
    fusion: Fusion
    mapping: CompoundMapping
    grid: Grid

    @classmethod
    def of(cls, settings: EnsembleSettings) -> Plan:
        """Derive a plan; settings that do not fit together are a ValueError that says which and why."""
        known = tasks(settings.compounds, settings.expressions)
        cues = _cues(settings)
        modalities: dict[str, Modality] = {}
        heads: dict[str, Head] = {}
        members: list[Member] = []
        for name, chosen in settings.modalities.items():
            modality = build({"kind": chosen.kind, **chosen.settings}, MODALITIES)
            _check_needs(name, modality.needs, modality.wants, cues)
            modalities[name] = modality
            if not chosen.heads:
                raise ValueError(
                    f"the modality {name} has no head, so it would say nothing; add heads.NAME, or leave it out"
                )
            for head, wish in chosen.heads.items():
                heads[f"{name}.{head}"] = _head(modality, wish, known)
                members.append(Member(f"{name}.{head}", name, grid_of(wish.grid)))
        if not members:
            raise ValueError("an ensemble needs at least one modality with one head; add one to [ensemble.modalities]")
        speaks = {member: {task: tuple(names) for task, names in head.speaks.items()} for member, head in heads.items()}
        fusion = build({**settings.fusion, "speaks": speaks, "tasks": _names_and_kinds(known)}, FUSIONS)
        spoken = any("compound" in head.speaks for head in heads.values())
        about = {"pairs": settings.compounds, "expressions": settings.expressions, "spoken": spoken}
        mapping = build({**settings.mapping, **about}, MAPPINGS)
        grid = grid_of(settings.timeline)
        return cls(settings, known, cues, modalities, tuple(members), heads, fusion, mapping, grid)

    @property
    def parts(self) -> dict[str, Any]:
        """Every part instance by name; a member's head by the member's name."""
        return {**self.cues, **self.modalities, **self.heads, "fusion": self.fusion, "mapping": self.mapping}


def _names_and_kinds(known: Mapping[str, Task]) -> dict[str, Any]:
    return {name: {"kind": task.kind, "labels": task.labels.names} for name, task in known.items()}


def _cues(settings: EnsembleSettings) -> dict[str, Cue]:
    """Make the cues, those first that others need."""
    cues: dict[str, Cue] = {name: build(chosen, CUES) for name, chosen in settings.cues.items()}
    if clash := cues.keys() & BROUGHT.keys():
        raise ValueError(f"{', '.join(sorted(clash))} is what footage brings; give the cue another name")
    for name, cue in cues.items():
        _check_needs(name, cue.needs, cue.wants, cues)
    try:
        order = TopologicalSorter({n: set(cue.needs.values()) & cues.keys() for n, cue in cues.items()}).static_order()
        return {name: cues[name] for name in order}
    except CycleError as circle:
        raise ValueError(f"cues need each other in a circle: {' → '.join(circle.args[1])}") from circle


def _check_needs(
    name: str, needs: Mapping[str, str], wants: Mapping[str, type[Percept]], cues: Mapping[str, Cue]
) -> None:
    for role, instance in needs.items():
        given = BROUGHT.get(instance) or (cues[instance].gives if instance in cues else None)
        if given is None:
            there = ", ".join([*BROUGHT, *cues])
            raise ValueError(f"{name} needs {instance!r} as its {role}, but there is only {there}; add it to [cues]")
        if not issubclass(given, wants[role]):
            wanted = wants[role].__name__
            raise TypeError(f"{name} needs {wanted} as its {role}, but {instance} gives {given.__name__}")


def _head(modality: Modality, wish: HeadSettings, known: Mapping[str, Task]) -> Head:
    chosen = wish.tasks or modality.tasks
    if unable := [task for task in chosen if task not in modality.tasks or task not in known]:
        raise ValueError(f"{modality.name} cannot speak {', '.join(unable)}; it can speak {', '.join(modality.tasks)}")
    if beside := sorted(wish.speaks.keys() - set(chosen)):
        raise ValueError(
            f"speaks names {', '.join(beside)}, but this head of {modality.name} speaks {', '.join(chosen)}"
        )
    speaks: dict[str, tuple[str, ...]] = {}
    for task in chosen:
        speaks[task] = wish.speaks.get(task, known[task].labels.names)
        known[task].labels.positions(speaks[task])
    part = find(wish.kind, HEADS)
    settings = {**wish.settings, "width": modality.encoder.width, "speaks": speaks}
    return part(part.Config.model_validate({**settings, "kinds": {task: known[task].kind for task in chosen}}))  # type: ignore[no-any-return]  # find checks that it is a Part
