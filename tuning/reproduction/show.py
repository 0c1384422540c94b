"""The paper's tables with ours beside them, for people and as flat figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from huggingface_hub import try_to_load_from_cache
from rich.table import Table

from modalities.pretrained import KNOWN, Origin
from tuning.reproduction.paper import MAPPINGS, Paper, Row
from tuning.reproduction.results import Key, Ours

NOTHING = "–"
BASIC = ("affwild2", "afew")
COMPOUND = "cexprdb"


@dataclass(frozen=True, slots=True)
class Beside:
    """A paper, our results, and which corpora are at hand."""

    paper: Paper
    ours: Mapping[Key, Ours]
    given: Collection[str]

    def result(self, recipe: str, corpus: str) -> Ours | None:
        """Return our result of a recipe on the split that the paper scores."""
        return self.ours.get((recipe, corpus, self.paper.corpora[corpus].split))

    def compound(self, row: Row, mapping: str) -> float | None:
        """Return our macro-F1 of a row on C-EXPR-DB."""
        found = self.result(row.recipe_for(mapping), COMPOUND)
        return None if found is None else found.compound_f1


def table_1(beside: Beside) -> Table:
    """Return Table 1: F1/UAR in percent."""
    table = Table(title="Table 1: macro-F1/UAR in percent; on C-EXPR-DB macro-F1 by PPA/PFSA")
    table.add_column("ID", justify="right")
    table.add_column("member")
    for corpus in BASIC:
        name = beside.paper.corpora[corpus].name
        for column in (f"{name}, paper", "ours, all labels", "difference", "ours, own labels"):
            table.add_column(column, justify="right")
    for column in ("C-EXPR-DB, paper", "ours", "remarks"):
        table.add_column(column, justify="left" if column == "remarks" else "right")
    for row in beside.paper.rows:
        cells = [cell for corpus in BASIC for cell in _basic(beside, row, corpus)]
        ours = [beside.compound(row, mapping) for mapping in MAPPINGS]
        table.add_row(str(row.id), row.member, *cells, _pair(row.ppa, row.pfsa), _pair(*ours), remarks(beside, row))
    return table


def table_2(beside: Beside) -> Table:
    """Return Table 2: macro-F1 on C-EXPR-DB in percent."""
    table = Table(title="Table 2: macro-F1 on C-EXPR-DB in percent")
    for column in ("method", "setup", "modality", "paper", "ours", "difference"):
        table.add_column(column, justify="left" if column in ("method", "setup", "modality") else "right")
    for one in beside.paper.others:
        ours = None if one.id is None else beside.compound(beside.paper.row(one.id), one.mapping)
        gap = NOTHING if ours is None else f"{ours - one.f1:+.2f}"
        table.add_row(one.method, one.setup, one.modality, f"{one.f1:.2f}", _number(ours), gap)
    return table


def figures(beside: Beside) -> dict[str, float]:
    """Return what we have as flat figures, in percent, with the difference from the paper."""
    found: dict[str, float] = {"rows": len(beside.paper.rows)}
    for row in beside.paper.rows:
        for corpus in BASIC:
            result = beside.result(row.recipe, corpus)
            if result is not None and result.basic is not None:
                basic, name, printed = result.basic, f"{row.recipe}_{corpus}", getattr(row, corpus)
                found |= {f"{name}_f1": basic.f1, f"{name}_uar": basic.uar, f"{name}_f1_own": basic.f1_own}
                found[f"{name}_f1_difference"] = basic.f1 - printed[0]
        for mapping in MAPPINGS:
            ours, printed = beside.compound(row, mapping), getattr(row, mapping)
            if ours is not None:
                found[f"{row.recipe}_{COMPOUND}_{mapping}"] = ours
                if printed is not None:
                    found[f"{row.recipe}_{COMPOUND}_{mapping}_difference"] = ours - printed
    return found


def table_weights(beside: Beside) -> Table:
    """Return the weights that rows without a result need and that are not in the cache of models."""
    table = Table(title="Weights that were not fetched")
    for column in ("weights", "for rows", "where from"):
        table.add_column(column, overflow="fold")
    needed: dict[str, list[str]] = {}
    for row in beside.paper.rows:
        if remarks(beside, row).startswith("needs"):
            for name in beside.paper.weights_of(row):
                needed.setdefault(name, []).append(str(row.id))
    for name, rows in needed.items():
        if not is_fetched(name):
            origin = KNOWN.get(name, Origin(name))
            table.add_row(str(origin), ", ".join(rows), origin.elsewhere or f"the hub: {name}")
    return table


def remarks(beside: Beside, row: Row) -> str:
    """Say what stands between us and the figures of a row, and what flatters those that we have."""
    needed: list[str] = []
    used: list[str] = []
    for corpus in [*BASIC, *([COMPOUND] if row.ppa is not None else [])]:
        name, found = beside.paper.corpora[corpus].name, beside.result(row.recipe, corpus)
        if found is None:
            needed.append(f"an evaluation on {name}" if corpus in beside.given else f"{name} (not given)")
        elif found.used:
            used.append(f"{name}: {found.used}")
    return "; ".join([*([f"needs {', '.join(needed)}"] if needed else []), *used])


def is_fetched(name: str) -> bool:
    """Whether a model lies in the Hugging Face cache; one that the hub does not have never does."""
    if "/" not in name:
        return False
    revision = KNOWN[name].revision if name in KNOWN else None
    return isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)


def _basic(beside: Beside, row: Row, corpus: str) -> list[str]:
    """Return the paper's, ours over all labels, the difference, ours over the labels that the corpus has."""
    printed, result = getattr(row, corpus), beside.result(row.recipe, corpus)
    if result is None or result.basic is None:
        return [_pair(*printed), NOTHING, NOTHING, NOTHING]
    ours = result.basic
    gaps = f"{ours.f1 - printed[0]:+.2f}/{ours.uar - printed[1]:+.2f}"
    return [_pair(*printed), _pair(ours.f1, ours.uar), gaps, f"{_pair(ours.f1_own, ours.uar_own)} ({ours.own})"]


def _pair(first: float | None, second: float | None) -> str:
    return NOTHING if first is None and second is None else f"{_number(first)}/{_number(second)}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
