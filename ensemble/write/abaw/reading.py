"""Reads the files of the ABAW challenges back: submissions, frame lists that wait for numbers, lists with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.write.abaw.formats import CLASSES, LABELS, TASKS, UNKNOWN, AbawError, Kind, header, width
from modalities.types import Array


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file lists about one clip, a row for each listed frame."""

    numbers: Array  # [F] of frames, from 1
    values: Mapping[str, Array]  # task → classes [F], −1 where unknown; or values [F, C], NaN where unknown


def read_abaw(path: Path, kind: Kind) -> dict[str, Sheet]:
    """Return clip → sheet, in the file's order; an MTL list may come without its first line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first, classes = _check_header(path, lines, kind)
    places: dict[str, list[int]] = {}
    numbers: list[int] = []
    rows: list[list[float]] = []
    total = sum(width(task) for task in TASKS[kind])
    for number, line in enumerate(lines[first:], start=first + 1):
        image, _, cells = line.partition(",")
        clip, _, frame = image.rpartition("/")
        stem = frame.removesuffix(".jpg")
        if not clip or not stem.isdigit():
            raise AbawError(f"{path.name}, line {number}: {image!r} is no frame, as 01/00001.jpg is")
        places.setdefault(clip, []).append(len(numbers))
        numbers.append(int(stem))
        rows.append(_numbers(cells, total, f"{path.name}, line {number}"))
    table = np.array(rows, np.float64).reshape(-1, total)
    values = _tasks(table, kind, classes, path, first)
    return {
        clip: Sheet(np.array(numbers)[rows_], {task: value[rows_] for task, value in values.items()})
        for clip, rows_ in places.items()
    }


def _check_header(path: Path, lines: Sequence[str], kind: Kind) -> tuple[int, int]:
    """Return how many lines the header takes, and how many classes there are."""
    found = lines[0] if lines else ""
    if kind == "mtl" and "/" in found.partition(",")[0]:
        return 0, len(LABELS["expression"])
    wanted = header(kind, LABELS[TASKS[kind][0]])
    if found != wanted and not (kind == "ce" and found.startswith("image_location,")):
        raise AbawError(f"{path.name} begins with {found[:60]!r}, but a file of {kind} begins with {wanted!r}")
    return 1, found.count(",") if kind == "ce" else len(LABELS["expression"])


def _numbers(cells: str, total: int, where: str) -> list[float]:
    """Read the numbers of a line; a line that still waits for them has none."""
    if not cells:
        return [np.nan] * total
    try:
        found = [float(cell) for cell in cells.split(",")]
    except ValueError:
        raise AbawError(f"{where}: {cells!r} are not {total} numbers") from None
    if len(found) != total:
        raise AbawError(f"{where}: there are {len(found)} numbers, but should be {total}")
    return found


def _tasks(table: Array, kind: Kind, classes: int, path: Path, first: int) -> dict[str, Array]:
    """Cut the table [N, numbers] into tasks, with what is unknown marked, and check every value."""
    edges = np.cumsum([width(task) for task in TASKS[kind]])[:-1]
    found: dict[str, Array] = {}
    for task, part in zip(TASKS[kind], np.split(table, edges, axis=1), strict=True):
        value = np.where(part == UNKNOWN[task], np.nan, part)
        fits = np.abs(value) <= 1 if task == "valence_arousal" else np.isin(value, range(_most(task, classes)))
        if (wrong := np.flatnonzero((~fits & ~np.isnan(value)).any(axis=1))).size:
            line = int(wrong[0])
            raise AbawError(f"{path.name}, line {line + first + 1}: {table[line].tolist()} does not fit {task}")
        if task in CLASSES:
            found[task] = np.nan_to_num(value[:, 0], nan=-1).astype(np.int64)
        else:
            found[task] = value.astype(np.float32)
    return found


def _most(task: str, classes: int) -> int:
    return classes if task in CLASSES else 2
