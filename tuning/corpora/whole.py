"""Clips that have one label as a whole: an acted sentence, or an image, which is a clip of one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modalities.types import Scores
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import OverSpans
from tuning.corpora.reading import split_by_subject

WHOLE = OverSpans.whole()


@dataclass(frozen=True, slots=True)
class Acted:
    """A recording of one expression by a known person, in a corpus without splits of its own."""

    name: str
    path: Path
    subject: str
    expression: str


def split_clips(takes: Sequence[Acted], expressions: Sequence[str]) -> tuple[LabelledClip, ...]:
    """Turn recordings into clips, split by subject."""
    sides = split_by_subject(take.subject for take in takes)
    rows = {name: row(name, expressions) for name in expressions}
    return tuple(
        LabelledClip(
            take.name, take.path, take.subject, sides[take.subject], WHOLE, {"expression": rows[take.expression]}
        )
        for take in takes
    )


def row(name: str | None, names: Sequence[str]) -> Scores:
    """Return the one row [1, C] of a label; not labelled (NaN) where there is none of the name."""
    if name not in names:
        return np.full((1, len(names)), np.nan, np.float32)
    return np.array([[other == name for other in names]], np.float32)


def with_total(counts: Mapping[str, int]) -> Mapping[str, int]:
    """Put the number of all clips beside those of the classes."""
    return {**counts, "clips": sum(counts.values())}
