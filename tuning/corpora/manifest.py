"""A user's own corpus: one table, CSV or Parquet, a row per labelled span of a file.

    path,start,end,subject,split,expression,valence,AU12
    films/ann.mp4,0,2.5,ann,train,Happiness,0.8,1
    films/ann.mp4,2.5,4,ann,train,Neutral,0,0
    films/bob.mp4,,,bob,dev,Fear,,                     without start and end: the whole file

    path         the file, seen from the table's folder; rows with the same path are one clip
    start, end   seconds; both or none
    subject      who is seen; nobody may stand in two splits
    split        train, dev or test
    expression   a label by its name; or a column per label (Neutral, Anger, …) with shares that sum to 1
    compound     a compound by its name: Fearfully Surprised, Happily Surprised, …
    valence, arousal          from -1 to 1
    AU1, AU2, AU4, …          0 or 1

What is empty is not labelled, and a column that there is not, neither. The corpus's expressions are those that occur.
Give the table itself as the corpus's place, or a folder with `manifest.csv`, `manifest.csv.gz` or `manifest.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modalities.labels import ABAW_PAIRS, ACTION_UNITS, EXPRESSION, VALENCE_AROUSAL
from modalities.types import FOREVER, SECOND, Scores
from tuning.corpora.corpus import JOINED, SPLITS, Corpus, CorpusError, LabelledClip, Split
from tuning.corpora.labelling import OverSpans
from tuning.corpora.reading import Findings, places_of

LICENCE = "the user's own"
CITATION = "the user's own"
TABLES = ("manifest.csv", "manifest.csv.gz", "manifest.parquet")
NEEDED = ("path", "subject", "split")
KNOWN_EXPRESSIONS = (*EXPRESSION.labels, *JOINED)
COMPOUNDS = tuple(ABAW_PAIRS)
NUMBERS = {**dict.fromkeys(VALENCE_AROUSAL.labels, "from -1 to 1"), **dict.fromkeys(ACTION_UNITS.labels, "0 or 1")}
COLUMNS = (*NEEDED, "start", "end", "expression", "compound", *NUMBERS, *KNOWN_EXPRESSIONS)


def read_manifest(place: Path) -> Corpus:
    """Read a table, or the one of a folder; raises `CorpusError`."""
    path = place if place.is_file() else next((place / t for t in TABLES if (place / t).is_file()), place / TABLES[0])
    clips: list[LabelledClip] = []
    expressions: tuple[str, ...] = EXPRESSION.labels.names
    with Findings("manifest", path.parent) as found:
        table = _table(found, path)
        expressions = _expressions(table) or expressions
        lines = _Lines(found, path.name, table, expressions)
        for name, rows in places_of(table["path"]).items():
            clips += lines.clip(name, rows)
    return Corpus("manifest", tuple(clips), LICENCE, CITATION, expressions=expressions, duplicates=found.duplicates)


def _table(found: Findings, path: Path) -> pd.DataFrame:
    """Read cells as text, "" where there is nothing."""
    nothing = pd.DataFrame(columns=list(NEEDED))
    if path.suffix == ".parquet":
        try:
            table = pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise CorpusError("manifest", [f"{path.name} cannot be read as Parquet: {error}"]) from error
        table = table.astype(object).where(table.notna(), "").astype(str)
        missing = [column for column in NEEDED if column not in table.columns]
    else:
        before = len(found.problems)
        table = found.table(path, NEEDED, dtype=str, keep_default_na=False)
        missing = [] if len(found.problems) == before else list(NEEDED)
        if missing:
            return nothing
    if missing:
        found.problems.append(f"{path.name} lacks the columns {', '.join(missing)}; each row needs them")
        return nothing
    if unknown := [str(column) for column in table.columns if column not in COLUMNS]:
        found.problems.append(f"{path.name} has the unknown columns {', '.join(unknown)}; known: {', '.join(COLUMNS)}")
    kept = ~table.duplicated()
    found.duplicates += int((~kept).sum())
    return table[kept]


def _expressions(table: pd.DataFrame) -> tuple[str, ...]:
    """Return those that occur, in the usual order."""
    named = set(table.get("expression", pd.Series(dtype=str)))
    return tuple(name for name in KNOWN_EXPRESSIONS if name in named or name in table.columns)


class _Lines:
    """The rows of a table, made into clips."""

    def __init__(self, found: Findings, name: str, table: pd.DataFrame, expressions: tuple[str, ...]) -> None:
        self._found, self._name, self._expressions = found, name, expressions
        self._columns = set(table.columns)
        self._numbers = [int(number) + 1 for number in table.index]
        self._rows: Sequence[Mapping[Any, str]] = table.to_dict("records")

    def clip(self, name: str, places: list[int]) -> Iterator[LabelledClip]:
        """Make the clip of these rows, if they are right."""
        path, first = self._found.root / name, self._rows[places[0]]
        before = len(self._found.problems)
        self._found.there(path, f"{self._name}, row {self._numbers[places[0]]} names it")
        split = self._found.one_of(
            first["split"], {split: split for split in SPLITS}, f"{self._where(places[0])}: the split"
        )
        if any(self._rows[place][key] != first[key] for place in places for key in ("subject", "split")):
            self._say(places[0], f"the rows of {name} disagree about subject or split; a clip has one of each")
        spans = [self._span(place) for place in places]
        if not first["subject"]:
            self._say(places[0], "there is no subject; say who is seen, or give each clip a name of its own")
        if len(places) > 1 and any(span == (0, FOREVER) for span in spans):
            self._say(places[0], f"{name} has several rows, so each needs start and end")
        labels = self._labels(places)
        if split and len(self._found.problems) == before:
            yield self._clip(name, split, spans, labels, first["subject"])

    def _clip(
        self, name: str, split: Split, spans: list[tuple[int, int]], labels: dict[str, Scores], subject: str
    ) -> LabelledClip:
        order = np.argsort([start for start, _ in spans], kind="stable")
        labelling = OverSpans(np.array(spans, np.int64)[order])
        rows = {task: values[order] for task, values in labels.items()}
        return LabelledClip(name, self._found.root / name, subject, split, labelling, rows)

    def _span(self, place: int) -> tuple[int, int]:
        start, end = (self._rows[place].get(key, "") for key in ("start", "end"))
        if not start and not end:
            return 0, FOREVER
        first, last = _number(start), _number(end)
        if not 0 <= first < last:  # also where one is no number
            self._say(place, f"start and end are {start!r} and {end!r}, but must be seconds, 0 or later, in order")
            return 0, 1
        return round(first * SECOND), round(last * SECOND)

    def _labels(self, places: list[int]) -> dict[str, Scores]:
        """Return the rows of each task that has a column."""
        rows: dict[str, list[list[float]]] = {}
        for place in places:
            if self._columns & {"expression", *KNOWN_EXPRESSIONS}:
                rows.setdefault("expression", []).append(self._expression(place))
            if "compound" in self._columns:
                rows.setdefault("compound", []).append(self._one(place, "compound", COMPOUNDS))
            for task in (VALENCE_AROUSAL, ACTION_UNITS):
                if self._columns & set(task.labels):
                    rows.setdefault(task.name, []).append([self._value(place, label) for label in task.labels])
        return {task: np.array(values, np.float32) for task, values in rows.items()}

    def _expression(self, place: int) -> list[float]:
        row = self._rows[place]
        if row.get("expression"):
            return self._one(place, "expression", self._expressions)
        cells = [row.get(name, "") for name in self._expressions]
        if not any(cells):
            return [np.nan] * len(cells)
        shares = [_number(cell) if cell else 0.0 for cell in cells]
        if not (all(share >= 0 for share in shares) and abs(sum(shares) - 1) < 1e-3):
            self._say(place, f"the shares of expressions are {', '.join(cells)}, but must be 0 or more and sum to 1")
        return shares

    def _one(self, place: int, column: str, names: tuple[str, ...]) -> list[float]:
        given = self._rows[place][column]
        known = {name: name for name in (KNOWN_EXPRESSIONS if column == "expression" else names)}
        if not given or not self._found.one_of(given, known, f"{self._where(place)}: the {column}"):
            return [np.nan] * len(names)
        return [float(name == given) for name in names]

    def _value(self, place: int, column: str) -> float:
        given = self._rows[place].get(column, "")
        value = _number(given)
        fits = abs(value) <= 1 if column in VALENCE_AROUSAL.labels else value in (0, 1)
        if given and not fits:
            self._say(place, f"{column} is {given!r}, but must be {NUMBERS[column]}")
        return value

    def _where(self, place: int) -> str:
        return f"{self._name}, row {self._numbers[place]} below the header"

    def _say(self, place: int, problem: str) -> None:
        self._found.problems.append(f"{self._where(place)}: {problem}")


def _number(text: str) -> float:
    """Return a finite number; NaN where it is none."""
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan
