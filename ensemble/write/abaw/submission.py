"""Writes the files of the ABAW challenges: one line per video frame, of one or several clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from ensemble.timeline import Rows, Timeline
from ensemble.write.abaw.formats import LABELS, TASKS, UNKNOWN, Kind, check, header
from ensemble.write.abaw.frames import fill_nearest, ras_classes, ras_scores
from ensemble.write.frames import primary, winners
from modalities.labels import Labels
from modalities.types import Scores, Times
from modalities.whole import whole

Convention = Literal["reference", "ras"]
DIGITS = 5


def submission(timelines: Mapping[str, Timeline], convention: Convention = "reference", kind: Kind = "ce") -> str:
    """Return the text for clips by name, at least one; where nothing in a clip is judged, it is said to be unknown.

    `convention` is about the CE file alone. A frame that nobody judged takes the nearest judged one of its own clip.
    """
    tasks = next(iter(timelines.values())).tasks
    check([kind], tasks)
    rows = {name: primary(timeline.rows) for name, timeline in timelines.items()}
    if kind == "ce":
        lines = _compounds(timelines, rows, convention)
    else:
        own = {task: tasks[task].labels for task in TASKS[kind]}
        lines = {name: [",".join(cells) for cells in _cells(row, own)] for name, row in rows.items()}
    listed = [header(kind, tasks["compound"].labels if kind == "ce" else LABELS[TASKS[kind][0]])]
    for name, column in lines.items():
        listed += [f"{name}/{place:05d}.jpg,{cells}" for place, cells in enumerate(column, start=1)]
    return "\n".join(listed) + "\n"


def write_abaw(
    timelines: Mapping[str, Timeline], path: Path, convention: Convention = "reference", kind: Kind = "ce"
) -> None:
    """Write the submission file of clips, by the name that each has in it."""
    with whole(path) as unfinished:
        unfinished.write_text(submission(timelines, convention, kind), encoding="utf-8")


def _compounds(
    timelines: Mapping[str, Timeline], rows: Mapping[str, Rows], convention: Convention
) -> dict[str, list[str]]:
    if convention == "ras":
        scores = [(len(row.times), ras_scores(timelines[name], row)) for name, row in rows.items()]
        classes = ras_classes(scores)
    else:
        classes = [winners(fill_nearest(row.scores["compound"], row.times)) for row in rows.values()]
    return {
        name: ["" if number < 0 else str(number) for number in column.tolist()]
        for name, column in zip(rows, classes, strict=True)
    }


def _cells(rows: Rows, own: Mapping[str, Labels]) -> list[list[str]]:
    """Return the numbers of each line, of several tasks one after the other."""
    columns = [_task(task, fill_nearest(rows.scores[task], rows.times), labels) for task, labels in own.items()]
    return [[cell for column in columns for cell in column[row]] for row in range(len(rows.times))]


def _task(task: str, scores: Scores, labels: Labels) -> list[list[str]]:
    """Turn scores [F, C] of labels into what the file says, by ABAW's order of labels."""
    columns = LABELS[task].positions(labels.names)
    if task == "expression":
        found: Times = winners(scores)
        numbers = np.where(found < 0, UNKNOWN[task], np.array(columns)[found])
        return [[str(number)] for number in numbers.tolist()]
    placed = np.full((len(scores), len(LABELS[task])), np.nan)
    placed[:, columns] = scores
    return [[_number(task, value) for value in row] for row in placed.tolist()]


def _number(task: str, value: float) -> str:
    if np.isnan(value):
        return str(UNKNOWN[task])
    return str(int(value >= 0.5)) if task == "action_units" else str(round(value, DIGITS) + 0.0)
