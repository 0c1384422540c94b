"""Lines of numbers, as annotation files of Aff-Wild2 hold them, and the video files that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modalities.types import Array, Scores
from tuning.corpora.affwild2.terms import Annotated, film_of
from tuning.corpora.reading import RECORDINGS, Findings


def text_lines(path: Path) -> list[str]:
    """Return the lines of a file, without empty ones at its end."""
    return path.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()


def numbers(found: Findings, where: str, lines: Sequence[str], width: int) -> Array | None:
    """Turn lines [F] into numbers [F, width]; a line of another form is a problem, and None.

    `where` is the file with the number of the first line, as in `x.txt:2`.
    """
    table = [line.split(",") for line in lines]
    values = _array(table, width)
    if values is not None:
        return values
    odd = next(place for place, cells in enumerate(table) if _array([cells], width) is None)
    found.problems.append(f"{_line(where, odd)} is {lines[odd]!r}, but must hold {width} numbers with commas between")
    return None


def scores(found: Findings, where: str, values: Array, annotated: Annotated) -> Scores | None:
    """Turn numbers [F, width] into rows [F, C]; one out of range is a problem, and None."""
    odd = np.argwhere(~annotated.fits(values))
    if not len(odd):
        return annotated.rows(values)
    place, column = odd[0]
    given = f"{annotated.task.name} is {values[place, column]:g}"
    found.problems.append(f"{_line(where, int(place))}: {given}, but must be {annotated.may_be}")
    return None


def films(found: Findings) -> Mapping[str, Path]:
    """Return video files by their names without ending; none at all is a problem."""
    by_name: dict[str, Path] = {}
    for path in found.files("videos/**/*", RECORDINGS):
        by_name.setdefault(path.stem, path)
    return by_name


def film(found: Findings, known: Mapping[str, Path], clip: str) -> Path | None:
    """Return the video file of a clip; a missing one is a problem, unless there is none at all (said already)."""
    path = known.get(clip) or known.get(film_of(clip))
    if path is None and known:
        found.problems.append(f"videos/**/{film_of(clip)}.mp4 (or .avi) is missing, but {clip} is annotated")
    return path


def _array(table: Sequence[Sequence[str]], width: int) -> Array | None:
    """Return one array [F, width]; None where a row is of another length, or holds what is no finite number."""
    if any(len(cells) != width for cells in table):
        return None
    try:
        values = np.array(table, np.float64).reshape(-1, width)
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _line(where: str, place: int) -> str:
    path, _, first = where.rpartition(":")
    return f"{path}, line {int(first) + place}"
