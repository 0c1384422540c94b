"""What a frame is about: the primary track's row of every video frame, and the label on top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.timeline import Rows
from modalities.labels import Labels
from modalities.types import Scores, Times


def primary(rows: Rows) -> Rows:
    """Keep one row per video frame, the primary track's: of rows of equal time it is the first."""
    if not len(rows.times):
        return rows
    first = np.append(True, np.diff(rows.times) > 0)
    return Rows(
        rows.times[first],
        rows.tracks[first],
        {task: scores[first] for task, scores in rows.scores.items()},
        rows.contributions[first],
    )


def judged(scores: Scores) -> Times:
    """Return the rows of [F, C] in which anything is said, rising."""
    return np.flatnonzero(~np.isnan(scores).all(axis=1))


def winners(scores: Scores) -> Times:
    """Return the column of the highest score of each row [F, C], the first of equals; −1 where nothing is said."""
    return np.where(np.isnan(scores).all(axis=1), -1, np.argmax(np.nan_to_num(scores, nan=-np.inf), axis=1))


def names(columns: Times, labels: Labels) -> Sequence[str | None]:
    """Return the label of each column number; None for −1."""
    return [labels.names[column] if column >= 0 else None for column in columns.tolist()]
