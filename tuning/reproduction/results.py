"""Our results: those of the fused ensembles in every `evaluation.json` below a folder, by recipe, corpus and split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning.evaluation.evaluate import FUSED
from tuning.evaluation.report import DOCUMENT, FORMAT
from tuning.reproduction.paper import ReproductionError

Key = tuple[str, str, str]
"""Recipe, corpus, split."""


@dataclass(frozen=True, slots=True)
class Basic:
    """Macro-F1 and UAR of basic expressions in percent, over all labels and over those that the corpus has."""

    f1: float
    uar: float
    f1_own: float
    uar_own: float
    own: int


@dataclass(frozen=True, slots=True)
class Ours:
    """What a fused ensemble scores on one split of one corpus."""

    path: Path
    basic: Basic | None
    compound_f1: float | None  # percent
    used: str | None  # what training used these clips for


def find_results(folders: Iterable[Path]) -> dict[Key, Ours]:
    """Read every evaluation below these folders; of several of the same, the newest counts."""
    paths = {path.resolve() for folder in folders for path in folder.rglob(DOCUMENT)}
    found: dict[Key, Ours] = {}
    for path in sorted(paths, key=lambda path: path.stat().st_mtime):
        said = _read(path)
        for corpus, judged in said["corpora"].items():
            (fused,) = (one for one in judged["results"] if one["name"] == FUSED)
            found[str(said["recipe"]), corpus, said["split"]] = Ours(path, *_figures(fused), judged["used"])
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        said: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ReproductionError(f"{path} is not JSON ({error}); evaluate again, or remove it") from error
    if {key: said.get(key) for key in FORMAT} != FORMAT:
        raise ReproductionError(f"{path} is no evaluation of this version; evaluate again, or remove it")
    return said


def _figures(fused: Mapping[str, Any]) -> tuple[Basic | None, float | None]:
    told, compound = fused["expression"], fused["compound"]
    basic = None
    if told is not None:
        f1, uar, f1_own, uar_own = (100 * told[name] for name in ("f1", "uar_all", "f1_own", "uar"))
        basic = Basic(f1, uar, f1_own, uar_own, len(told["own"]))
    return basic, None if compound is None else 100 * compound["f1"]
