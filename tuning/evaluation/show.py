"""Results for people and for scripts: a table, a document, flat figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from tuning.evaluation.compare import Difference
from tuning.evaluation.evaluate import FUSED, MEAN
from tuning.evaluation.result import Result, Told

COLUMNS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("", lambda r: r.name),
    ("F1 all", lambda r: _of(r.expression, "f1")),
    ("F1 own", lambda r: _of(r.expression, "f1_own")),
    ("95 % of own", lambda r: _interval(r.expression)),
    ("UAR", lambda r: _of(r.expression, "uar")),
    ("F1+UAR /2", lambda r: _of(r.expression, "average")),
    ("WAR", lambda r: _of(r.expression, "war")),
    ("present", lambda r: _of(r.expression, "present")),
    ("UAR present", lambda r: _of(r.expression, "uar_present")),
    ("ECE", lambda r: _of(r.expression, "ece")),
    ("compound F1", lambda r: _of(r.compound, "f1")),
    ("CCC V", lambda r: _number(r.ccc[0] if r.ccc else None)),
    ("CCC A", lambda r: _number(r.ccc[1] if r.ccc else None)),
    ("AU F1", lambda r: _number(r.au_f1_mean)),
    ("MTL", lambda r: _number(r.mtl if r.ccc or r.au_f1 else None)),
)
NOTHING = "–"


def results_table(results: Sequence[Result], title: str) -> Table:
    """Return the table for people; what nobody is scored by has no column."""
    told = next((result.expression for result in results if result.expression), None)
    shown = [(name, cell) for name, cell in COLUMNS if any(cell(result) != NOTHING for result in results)]
    table = Table(title=title, caption=None if told is None else _legend(told))
    for name, _ in shown:
        table.add_column(name, justify="right" if name else "left")
    for result in results:
        table.add_row(*(cell(result) for _, cell in shown))
    return table


def differences_table(differences: Sequence[Difference], first: str, second: str) -> Table:
    """Return the table of a paired comparison."""
    table = Table(title=f"A = {first}, B = {second}: the same clips, drawn again together")
    for name in ("", "A", "B", "A − B", "95 %", "A wins"):
        table.add_column(name, justify="right" if name else "left")
    for one in differences:
        gap, (low, high) = f"{one.difference:+.3f}", one.interval
        table.add_row(
            one.metric, _number(one.first), _number(one.second), gap, f"{low:+.3f} … {high:+.3f}", f"{one.won:.0%}"
        )
    return table


def document(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return everything as plain values, per class and confusion too."""
    return [_plain(result) for result in results]


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Return the flat figures of an ensemble, beside its plain mean and its best and worst member."""
    named = {result.name: result for result in results}
    members = [result for name, result in named.items() if name not in (FUSED, MEAN)]
    fused, mean = named[FUSED], named[MEAN]
    spoken = [member.expression for member in members if member.expression]
    values = {
        "members": len(members),
        **_told_figures(fused.expression, "expression_macro_f1", "fused"),
        **_told_figures(mean.expression, "expression_macro_f1", "mean"),
        "expression_macro_f1_best_member": max((one.f1 for one in spoken), default=None),
        "uar_worst_member": min((one.uar_present for one in spoken), default=None),
        "uar_fused": _value(fused.expression, "uar"),
        "f1_uar_average_fused": _value(fused.expression, "average"),
        "war_fused": _value(fused.expression, "war"),
        "ece_fused": _value(fused.expression, "ece"),
        "compound_macro_f1_fused": _value(fused.compound, "f1"),
        "valence_ccc_fused": fused.ccc[0] if fused.ccc else None,
        "arousal_ccc_fused": fused.ccc[1] if fused.ccc else None,
        "va_ccc_fused": fused.va_ccc,
        "au_f1_fused": fused.au_f1_mean,
        "mtl_p": fused.mtl,
    }
    return {name: value for name, value in values.items() if value is not None}


def difference_figures(differences: Sequence[Difference]) -> Mapping[str, float]:
    """Return the flat figures of a paired comparison."""
    found: dict[str, float] = {}
    for one in differences:
        name = one.metric.lower().replace(" ", "_").replace("-", "_")
        found |= {f"{name}_difference": one.difference, f"{name}_won": one.won}
    return found


def _told_figures(told: Told | None, name: str, who: str) -> dict[str, float | None]:
    return {f"{name}_{who}": _value(told, "f1"), f"{name}_own_{who}": _value(told, "f1_own")}


def _plain(result: Result) -> dict[str, Any]:
    plain = asdict(result) | {"mtl_p": result.mtl, "va_ccc": result.va_ccc, "au_f1_mean": result.au_f1_mean}
    for task, told in (("expression", result.expression), ("compound", result.compound)):
        if told is not None:
            plain[task] |= {"own": told.own, "uar_all": told.uar_all, "average": told.average}
    return plain


def _legend(told: Told) -> str:
    return (
        f"F1 all: macro over {len(told.labels)} labels; F1 own: over the {len(told.own)} that occur here "
        f"({', '.join(told.own)}); UAR: over those that occur; 95 %: clips drawn again"
    )


def _value(told: Told | None, name: str) -> float | None:
    return None if told is None else float(getattr(told, name))


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _of(told: Told | None, name: str) -> str:
    return _number(_value(told, name))


def _interval(told: Told | None) -> str:
    return NOTHING if told is None else "{:.2f}–{:.2f}".format(*told.f1_interval)
