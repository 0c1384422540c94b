"""Results for people and for scripts: a table, a document, flat figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from tuning.evaluation.evaluate import FUSED, MEAN
from tuning.evaluation.result import Result, Told

COLUMNS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("", lambda r: r.name),
    ("expression F1", lambda r: _of(r.expression, "f1")),
    ("interval", lambda r: _interval(r.expression)),
    ("UAR", lambda r: _of(r.expression, "uar")),
    ("WAR", lambda r: _of(r.expression, "war")),
    ("F1 present", lambda r: _of(r.expression, "f1_present")),
    ("UAR present", lambda r: _of(r.expression, "uar_present")),
    ("present", lambda r: _of(r.expression, "present")),
    ("ECE", lambda r: _of(r.expression, "ece")),
    ("compound F1", lambda r: _of(r.compound, "f1")),
    ("CCC", lambda r: _number(r.va_ccc)),
    ("AU F1", lambda r: _number(r.au_f1_mean)),
)


def results_table(results: Sequence[Result], title: str) -> Table:
    """Return the table for people."""
    table = Table(title=title)
    for name, _ in COLUMNS:
        table.add_column(name, justify="right" if name else "left")
    for result in results:
        table.add_row(*(cell(result) for _, cell in COLUMNS))
    return table


def document(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return everything as plain values, per class and confusion too."""
    return [asdict(result) | {"mtl_p": result.mtl, "va_ccc": result.va_ccc} for result in results]


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Return the flat figures of an ensemble, beside its plain mean and its best and worst member."""
    named = {result.name: result for result in results}
    members = [result for name, result in named.items() if name not in (FUSED, MEAN)]
    fused, mean = named[FUSED], named[MEAN]
    spoken = [member.expression for member in members if member.expression]
    values = {
        "members": len(members),
        "expression_macro_f1_fused": _f1(fused.expression),
        "expression_macro_f1_mean": _f1(mean.expression),
        "expression_macro_f1_best_member": max((one.f1 for one in spoken), default=None),
        "uar_worst_member": min((one.uar_present for one in spoken), default=None),
        "compound_macro_f1_fused": _f1(fused.compound),
        "va_ccc_fused": fused.va_ccc,
        "au_f1_fused": fused.au_f1_mean,
        "mtl_p": fused.mtl,
    }
    return {name: value for name, value in values.items() if value is not None}


def _f1(told: Told | None) -> float | None:
    return None if told is None else told.f1


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _of(told: Told | None, name: str) -> str:
    return _number(None if told is None else getattr(told, name))


def _interval(told: Told | None) -> str:
    return "–" if told is None else "{:.2f}–{:.2f}".format(*told.f1_interval)
