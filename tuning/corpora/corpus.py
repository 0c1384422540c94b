"""What a corpus is: labelled clips, split so that no subject stands on two sides.

Conventions: one row of labels per video frame. Distributions are rows that sum to one (a compound frame's expression
is its two basics at one half each), action units are 0 or 1, valence and arousal lie in [-1, 1]; NaN = not labelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from modalities.labels import ABAW_PAIRS, Pairs, tasks
from modalities.types import Scores, Times

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip with labels per video frame for any subset of the tasks."""

    path: Path
    subject: str
    split: Split
    times: Times  # [F] presentation times of the labelled frames, in microseconds after the clip's origin
    labels: Mapping[str, Scores]  # task → [F, C]

    def __post_init__(self) -> None:
        for task, values in self.labels.items():
            if len(values) != len(self.times):
                raise ValueError(f"{self.path.name}: {len(values)} rows of {task} for {len(self.times)} frames")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clips of one source, with its licence and how to cite it."""

    name: str
    clips: tuple[LabelledClip, ...]
    licence: str
    citation: str
    pairs: Mapping[str, tuple[str, str]] | None = None  # its compounds, the seven of ABAW if None

    def __post_init__(self) -> None:
        sides: dict[str, set[str]] = {}
        for clip in self.clips:
            sides.setdefault(clip.subject, set()).add(clip.split)
        torn = sorted(subject for subject, splits in sides.items() if len(splits) > 1)
        if torn:
            raise ValueError(f"{self.name}: subjects must stand in one split only, but these do not: {', '.join(torn)}")
        known = tasks(self.compounds)
        for clip in self.clips:
            for task, values in clip.labels.items():
                if task not in known or values.shape[1:] != (len(known[task].labels),):
                    raise ValueError(f"{clip.path.name}: labels {task} of shape {values.shape} fit no task")

    @property
    def compounds(self) -> Pairs:
        """Its compound labels and what they are made of."""
        return ABAW_PAIRS if self.pairs is None else self.pairs

    def split(self, split: Split) -> tuple[LabelledClip, ...]:
        """Clips of one split, by name."""
        return tuple(sorted((clip for clip in self.clips if clip.split == split), key=lambda clip: clip.path.name))


def one_hot(labels: np.ndarray[tuple[int], np.dtype[np.int64]], classes: int) -> Scores:
    """Turn class numbers [F] into rows [F, C]; −1 (not labelled, as in ABAW) becomes NaN."""
    rows = np.eye(classes, dtype=np.float32)[np.clip(labels, 0, None)]
    rows[labels < 0] = np.nan
    return rows
