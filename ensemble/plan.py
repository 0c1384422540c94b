"""The plan: which cues, which members, in which order; derived once from settings, run everywhere the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from ensemble.catalog import FUSIONS, MAPPINGS
from ensemble.fusion import Fusion
from ensemble.mapping import Mapping as CompoundMapping
from ensemble.smoothing import Smoothing
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
T = TypeVar("T")


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

    cues: dict[str, dict[str, Any]] = {}
    modalities: dict[str, ModalitySettings]
    fusion: dict[str, Any] = {"kind": "mhpf"}
    mapping: dict[str, Any] = {"kind": "ppa"}
    timeline: Grid | Literal["frames"] = "frames"
    smoothing: Smoothing = Smoothing()
    expression_kind: Literal["distribution", "independent"] = "distribution"
    """Whether one expression is shown at a time, or each is told for itself (multi-label)."""
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
        known["expression"] = replace(known["expression"], kind=settings.expression_kind)
        cues = _cues(settings)
        modalities: dict[str, Modality] = {}
        heads: dict[str, Head] = {}
        members: list[Member] = []
        for name, chosen in settings.modalities.items():
            with _naming(name):
                modality = build({"kind": chosen.kind, **chosen.settings}, MODALITIES)
            _check_needs(name, modality.needs, modality.wants, cues)
            modalities[name] = modality
            if not chosen.heads:
                raise ValueError(
                    f"the modality {name} has no head, so it would say nothing; add heads.NAME, or leave it out"
                )
            for head, wish in chosen.heads.items():
                with _naming(f"{name}.{head}"):
                    heads[f"{name}.{head}"] = _head(modality, wish, known)
                members.append(Member(f"{name}.{head}", name, grid_of(wish.grid)))
        if not members:
            raise ValueError("an ensemble needs at least one modality with one head; add one to [ensemble.modalities]")
        fusion, mapping = _put_together(settings, known, heads)
        grid = grid_of(settings.timeline)
        return cls(settings, known, cues, modalities, tuple(members), heads, fusion, mapping, grid)

    def again(self, settings: EnsembleSettings) -> Plan:
        """Put the members together anew, or those that settings still name; the parts they are made of stay the same.

        Fusion, mapping and smoothing are as the settings say, and as if never fitted; cues go with the members that
        alone needed them.
        """
        named = {f"{name}.{head}" for name, modality in settings.modalities.items() for head in modality.heads}
        members = tuple(member for member in self.members if member.name in named)
        heads = {member.name: self.heads[member.name] for member in members}
        fusion, mapping = _put_together(settings, self.tasks, heads)
        gone = self._needed(self.modalities.keys() - settings.modalities.keys()) - self._needed(settings.modalities)
        return replace(
            self,
            settings=settings.model_copy(update={"cues": _all_but(gone, settings.cues)}),
            cues=_all_but(gone, self.cues),
            modalities={name: self.modalities[name] for name in settings.modalities},
            members=members,
            heads=heads,
            fusion=fusion,
            mapping=mapping,
        )

    def head(self, member: str, settings: EnsembleSettings) -> Head:
        """Make a member's head anew, as other settings of it say."""
        modality, _, head = member.partition(".")
        with _naming(member):
            return _head(self.modalities[modality], settings.modalities[modality].heads[head], self.tasks)

    def only(self, keys: Collection[tuple[str, Grid]], cues: Iterable[str] = ()) -> Plan:
        """Return the part of it that perceives for some modalities on some grids, and with some cues beside theirs."""
        modalities = {name for name, _ in keys}
        wanted = self._needed(modalities, cues)
        return replace(
            self,
            cues={name: cue for name, cue in self.cues.items() if name in wanted},
            modalities={name: modality for name, modality in self.modalities.items() if name in modalities},
            members=tuple(member for member in self.members if (member.modality, member.grid) in keys),
        )

    def _needed(self, modalities: Iterable[str], cues: Iterable[str] = ()) -> set[str]:
        """Return the cues that modalities need, and those that these need."""
        wanted = {*cues, *(need for name in modalities for need in self.modalities[name].needs.values())}
        for name in reversed(list(self.cues)):  # those that others need come first
            if name in wanted:
                wanted |= set(self.cues[name].needs.values())
        return wanted

    @property
    def parts(self) -> dict[str, Any]:
        """Every part instance by name; a member's head by the member's name."""
        return {**self.cues, **self.modalities, **self.heads, "fusion": self.fusion, "mapping": self.mapping}


@contextmanager
def _naming(instance: str) -> Iterator[None]:
    """Name the instance, and the key, whose settings make no part."""
    try:
        yield
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors())
        raise ValueError(f"{instance}: {'; '.join(wrong)}") from error
    except ImportError as error:
        raise ValueError(f"{instance}: {error}") from error


def _all_but(names: Collection[str], table: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in table.items() if name not in names}


def _put_together(
    settings: EnsembleSettings, known: Mapping[str, Task], heads: Mapping[str, Head]
) -> tuple[Fusion, CompoundMapping]:
    """Make the fusion and the mapping of some members."""
    speaks = {member: {task: tuple(names) for task, names in head.speaks.items()} for member, head in heads.items()}
    with _naming("fusion"):
        given = {"speaks": speaks, "tasks": _names_and_kinds(known), "widths": _widths(settings.fusion, heads)}
        fusion = build({**settings.fusion, **given}, FUSIONS)
    spoken = any("compound" in head.speaks for head in heads.values())
    about = {"pairs": settings.compounds, "expressions": settings.expressions, "spoken": spoken}
    with _naming("mapping"):
        mapping = build({**settings.mapping, **about}, MAPPINGS)
    _check_after(mapping, fusion)
    return fusion, mapping


def _check_after(mapping: CompoundMapping, fusion: Fusion) -> None:
    if mapping.only_after and fusion.name not in mapping.only_after:
        raise ValueError(
            f"the mapping {mapping.name} with these settings is defined only after the fusion "
            f"{' or '.join(mapping.only_after)}, but the fusion is {fusion.name}; choose that one, or another mapping"
        )


def _names_and_kinds(known: Mapping[str, Task]) -> dict[str, Any]:
    return {name: {"kind": task.kind, "labels": task.labels.names} for name, task in known.items()}


def _widths(fusion: Mapping[str, Any], heads: Mapping[str, Head]) -> dict[str, int]:
    """Return how wide the features are that a fusion looks at: to know it, a head may have to read its network."""
    looks = "kind" in fusion and getattr(find(fusion["kind"], FUSIONS), "looks_at_features", False)
    return {member: head.features_width for member, head in heads.items()} if looks else {}


def _cues(settings: EnsembleSettings) -> dict[str, Cue]:
    """Make the cues, those first that others need."""
    cues: dict[str, Cue] = {}
    for name, chosen in settings.cues.items():
        with _naming(name):
            cues[name] = build(chosen, CUES)
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
