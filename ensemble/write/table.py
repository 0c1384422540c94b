"""The per-frame table: one row per video frame (and per further track, where asked for), as CSV and as Parquet.

Both hold the same columns and the same values. A cell is empty where nobody says it, the track where nobody is in view.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.timeline import Timeline
from ensemble.tracks import NOBODY
from ensemble.write.frames import names, winners
from modalities.types import SECOND, Array
from modalities.whole import whole

FORMAT = {"format": "twofold.frames", "version": 1}
TIME_DIGITS, SCORE_DIGITS = 6, 5


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, values [F], type, and what they are."""

    name: str
    values: Any
    kind: Literal["string", "Int64", "float64"]
    unit: str
    about: str


def columns(timeline: Timeline) -> Iterator[Column]:
    """Lay a timeline's rows out as columns, in the order in which they are written."""
    rows, tasks = timeline.rows, timeline.tasks
    where = np.round(rows.times / SECOND, TIME_DIGITS)
    track = pd.array(rows.tracks, dtype="Int64")
    track[rows.tracks == NOBODY] = pd.NA
    yield Column("clip", [timeline.clip] * len(where), "string", "", "the clip's name")
    yield Column("time", where, "float64", "s", "when the frame is shown, after the clip's origin")
    yield Column("track", track, "Int64", "", "whom the row is about; empty where nobody is in view")
    how = "each by itself" if tasks["expression"].kind == "independent" else "a row sums to 1"
    for name, values in zip(tasks["expression"].labels, rows.scores["expression"].T, strict=True):
        yield _scores(f"expression.{name}", values, "probability", f"basic expression; {how}")
    for name, values in zip(tasks["valence_arousal"].labels, rows.scores["valence_arousal"].T, strict=True):
        yield _scores(name, values, "-1 to 1", "valence and arousal")
    for name, values in zip(tasks["action_units"].labels, rows.scores["action_units"].T, strict=True):
        yield _scores(name, values, "probability", "action unit, each by itself")
    compounds = tasks["compound"].labels
    for name, values in zip(compounds, rows.compound_probability.T, strict=True):
        yield _scores(f"compound.{name}", values, "probability", "compound expression; a row sums to 1")
    for name, values in zip(compounds, rows.scores["compound"].T, strict=True):
        yield _scores(f"compound_score.{name}", values, "score", "compound as the mapping gives it, not normalised")
    for task in ("compound", "expression"):
        top = names(winners(rows.scores[task]), tasks[task].labels)
        yield Column(f"top_{task}", top, "string", "", f"the {task} with the highest score")
    for name, values in zip(timeline.members, rows.contributions.T, strict=True):
        about = "what top_compound's probability would lose without this member"
        yield _scores(f"contribution.{name}", values, "probability", about)


def _scores(name: str, values: Array, unit: str, about: str) -> Column:
    # Adding zero turns a rounded −0.0 into 0.0.
    return Column(name, np.round(values.astype(np.float64), SCORE_DIGITS) + 0.0, "float64", unit, about)


def table(timeline: Timeline) -> pd.DataFrame:
    """Return the table; every column keeps what it is in `attrs`."""
    laid = list(columns(timeline))
    frame = pd.DataFrame({column.name: pd.Series(column.values, dtype=column.kind) for column in laid})
    frame.attrs = {column.name: {"unit": column.unit, "about": column.about} for column in laid}
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV (UTF-8, with a header, lines end with a line feed)."""
    with whole(path) as unfinished:
        frame.to_csv(unfinished, index=False, lineterminator="\n", encoding="utf-8")


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write the table as Parquet; a column's metadata tells its `unit` and what it is `about`."""
    plain = pa.Table.from_pandas(frame, preserve_index=False)
    fields = [field.with_metadata(frame.attrs[field.name]) for field in plain.schema]
    about = {**(plain.schema.metadata or {}), "twofold": json.dumps(FORMAT)}
    with whole(path) as unfinished:
        pq.write_table(plain.cast(pa.schema(fields, metadata=about)), unfinished, compression="zstd")
