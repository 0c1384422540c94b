"""What holds for everything that is read from Aff-Wild2: its terms, and what its labels may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modalities.labels import ACTION_UNITS, EXPRESSION, VALENCE_AROUSAL, Task
from modalities.types import Array, Mask, Scores
from tuning.corpora.corpus import one_hot

LICENCE = "for research only, by agreement with the authors (ABAW challenges)"
CITATION = (
    "Kollias & Zafeiriou, Aff-Wild2: Extending the Aff-Wild Database for Affect Recognition, arXiv 1811.07770 (2018); "
    "Kollias et al., Deep Affect Prediction in-the-wild: Aff-Wild Database and Challenge, IJCV 2019"
)


@dataclass(frozen=True, slots=True)
class Annotated:
    """How files write the labels of a task."""

    task: Task
    folders: str  # pattern of the challenge's folder
    width: int  # numbers in a line
    may_be: str
    fits: Callable[[Array], Mask]
    rows: Callable[[Array], Scores]  # numbers [F, width] → [F, C]


def _unless(missing: int) -> Callable[[Array], Scores]:
    return lambda numbers: np.where(numbers == missing, np.nan, numbers).astype(np.float32)


ANNOTATED: Mapping[str, Annotated] = {
    "expression": Annotated(
        EXPRESSION,
        "EXPR_*Challenge*",
        1,
        "-1 (not labelled) or a whole number from 0 to 7",
        lambda numbers: np.isin(numbers, np.arange(-1, 8)),
        lambda numbers: one_hot(numbers[:, 0].astype(np.int64), 8),
    ),
    "valence_arousal": Annotated(
        VALENCE_AROUSAL,
        "VA_*Challenge*",
        2,
        "-5 (not labelled) or from -1 to 1",
        lambda numbers: (numbers == -5) | (np.abs(numbers) <= 1),
        _unless(-5),
    ),
    "action_units": Annotated(
        ACTION_UNITS,
        "AU_*Challenge*",
        12,
        "-1 (not labelled), 0 or 1",
        lambda numbers: np.isin(numbers, (-1, 0, 1)),
        _unless(-1),
    ),
}


def film_of(clip: str) -> str:
    """Return the video file that a clip is about: `_left` and `_right` are two people of one."""
    return clip.removesuffix("_left").removesuffix("_right")
