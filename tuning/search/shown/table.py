"""What a search tried, as a table for people, and as CSV and Parquet.

The files hold every trial: `number`, `state`, `seconds`, a column `value.NAME` for everything that was measured,
`setting.NAME` for every setting, and `curve`. A cell is empty where a trial has no such value or setting; settings of
several types (nothing among them) are written as JSON, and so is the curve in the CSV.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.table import Table

from modalities.whole import whole
from tuning.search.outcome import Outcome, Trial
from tuning.search.shown.importance import importance

MOST_COLUMNS = 6
"""Objectives and settings together that a terminal is wide enough for."""
ARROWS = {"max": "↑", "min": "↓"}
"""Whether higher or lower is better."""
NOTHING, WINNER = "–", "★"
CSV_FILE, PARQUET_FILE = "trials.csv", "trials.parquet"
VALUE, SETTING = "value.", "setting."


def outcome_table(outcome: Outcome, count: int = 10, within: Mapping[str, float] | None = None) -> Table:
    """Return the best trials as a table for people, the winner first.

    within: upper bounds that the winner keeps (`Outcome.best`). Of many settings that differ, only those that mattered
    most are shown.
    """
    shown = outcome.ranked(within)[:count]
    winner = outcome.best(within)
    varied = varying(outcome)
    short = shortened(varied)
    columns = _foremost(outcome, varied)
    title = f"{outcome.name}: the best {len(shown)} of {len(outcome.trials)} trials"
    table = Table(
        title=title,
        caption=_caption(outcome, winner, len(varied) - len(columns)),
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    made: list[tuple[str, list[str]]] = [
        ("", [WINNER if trial is winner else "" if trial.keeps(within) else "over" for trial in shown]),
        ("trial", [str(trial.number) for trial in shown]),
        ("state", [trial.state for trial in shown]),
    ]
    for objective in outcome.objectives:
        values = [f"{trial.values[objective.name]:.4g}" for trial in shown]
        made.append((f"{objective.name} {ARROWS[objective.mode]}", values))
    made += [
        (short[name], [said(trial.settings[name]) if name in trial.settings else NOTHING for trial in shown])
        for name in columns
    ]
    for header, cells in made:
        # A narrow terminal may break a header, never a number.
        width = max(map(len, cells), default=0)
        table.add_column(
            header, justify="left" if header in ("", "state") else "right", overflow="fold", min_width=width
        )
    for trial, *row in zip(shown, *(cells for _, cells in made), strict=True):
        table.add_row(*row, style="bold" if trial is winner else "")
    return table


def _foremost(outcome: Outcome, varied: Sequence[str]) -> Sequence[str]:
    """Return the settings to show, in the order of the space: all, or those that mattered most."""
    most = max(1, MOST_COLUMNS - len(outcome.objectives)) if outcome.judged else 0
    if len(varied) <= most:
        return varied
    shares = importance(outcome)
    mattered = sorted(varied, key=lambda name: -shares.get(name, 0.0))[:most]
    return [name for name in varied if name in mattered]


def _caption(outcome: Outcome, winner: Trial | None, hidden: int) -> str:
    counts = {state: sum(trial.state == state for trial in outcome.trials) for state in ("done", "stopped", "failed")}
    who = f"{WINNER} wins" if winner else "no trial keeps the bounds, so nobody wins"
    sentences = [
        who if outcome.judged else "no trial has a value, so nobody wins",
        f"{counts['done']} done, {counts['stopped']} stopped early, {counts['failed']} failed",
    ]
    if hidden and outcome.judged:
        sentences.append(f"{hidden} more of what varies: {CSV_FILE}")
    return "\n".join(sentences)


def varying(outcome: Outcome) -> tuple[str, ...]:
    """Return the settings in which trials differ, in the order of the space."""
    return tuple(
        name
        for name in _names(outcome.trials, outcome.space)
        if len({repr(trial.settings[name]) if name in trial.settings else None for trial in outcome.trials}) > 1
    )


def shortened(names: Sequence[str]) -> dict[str, str]:
    """Return dotted name → its last words, as few as tell it from the others."""
    return {name: _short(name.split("."), [n.split(".") for n in names if n != name]) for name in names}


def _short(words: list[str], others: list[list[str]]) -> str:
    for count in range(1, len(words)):
        if all(other[-count:] != words[-count:] for other in others):
            return ".".join(words[-count:])
    return ".".join(words)


def said(value: Any) -> str:
    """Say a setting's value briefly."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def write_trials(outcome: Outcome, folder: Path) -> None:
    """Write `trials.csv` and `trials.parquet`; each appears whole or not at all."""
    table = _laid_out(outcome)
    with whole(folder / PARQUET_FILE) as unfinished:
        pq.write_table(table, unfinished, compression="zstd")
    with whole(folder / CSV_FILE) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows([_cell(value) for value in row.values()] for row in table.to_pylist())


def _laid_out(outcome: Outcome) -> pa.Table:
    trials = sorted(outcome.trials, key=lambda trial: trial.number)
    values = dict.fromkeys([*(one.name for one in outcome.objectives), *(n for t in trials for n in t.values)])
    columns = [
        (pa.field("number", pa.int64()), [trial.number for trial in trials]),
        (pa.field("state", pa.string()), [trial.state for trial in trials]),
        (pa.field("seconds", pa.float64()), [trial.seconds for trial in trials]),
        *((pa.field(f"{VALUE}{name}", pa.float64()), [trial.values.get(name) for trial in trials]) for name in values),
        *(_column(name, trials) for name in _names(trials, outcome.space)),
        (pa.field("curve", pa.list_(pa.float64())), [list(trial.curve) for trial in trials]),
    ]
    return pa.table([pa.array(cells, field.type) for field, cells in columns], pa.schema([f for f, _ in columns]))


def _column(name: str, trials: Sequence[Trial]) -> tuple[pa.Field, list[Any]]:
    """Return a setting's field and cells: of one type where all values have one, otherwise as JSON."""
    kinds = {type(trial.settings[name]) for trial in trials if name in trial.settings}
    for kind, arrow in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64()), (str, pa.string())):
        if kinds == {kind}:
            return pa.field(f"{SETTING}{name}", arrow), [trial.settings.get(name) for trial in trials]
    cells = [json.dumps(trial.settings[name]) if name in trial.settings else None for trial in trials]
    return pa.field(f"{SETTING}{name}", pa.string()), cells


def _names(trials: Iterable[Trial], space: Iterable[str]) -> list[str]:
    """Return every setting that a trial has, in the order of the space; others after it."""
    there = dict.fromkeys(name for trial in trials for name in trial.settings)
    return [name for name in dict.fromkeys([*space, *there]) if name in there]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
