"""What a corpus is: labelled clips, split so that no subject stands on two sides.

Conventions: distributions are rows that sum to one (a compound frame's expression is its two basics at one half each),
action units are 0 or 1, valence and arousal lie in [-1, 1]; NaN = not labelled. A corpus has its own set of expressions
(`Boredom`, no `Other` …) until `speaking` brings it to those of an ensemble, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from modalities.labels import ABAW_PAIRS, EXPRESSION, Kind, Labels, Pairs, Task, tasks
from modalities.media import Limits, read
from modalities.types import (
    FOREVER,
    SECOND,
    Array,
    Clip,
    Footage,
    Frames,
    Mask,
    Microseconds,
    Percept,
    Scores,
    Segment,
    Times,
    Waveform,
)
from tuning.corpora.handing import part
from tuning.corpora.labelling import Labelling

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
JOINED: Mapping[str, str] = {
    "Calm": "Neutral",
    "Excitement": "Happiness",
    "Boredom": "Other",
    "Contempt": "Other",
    "Frustration": "Other",
}
"""Expressions that are none of the eight, and which of them they count as where corpora are joined."""
MAY_BE: Mapping[Kind, str] = {
    "distribution": "0 or more and sum to 1", "independent": "0 or 1", "continuous": "from -1 to 1",
}  # fmt: skip
"""Labels of a kind, where they are known."""
SUM_TOLERANCE = 2e-3
ROW_RATE = 25
"""Rows per second of a clip without a picture."""


class CorpusError(ValueError):
    """A corpus that cannot be read: what is wrong, one sentence each."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.name, self.problems = name, tuple(problems)
        more = f" (and {len(problems) - 1} more problems: `twofold corpus check {name}`)" if len(problems) > 1 else ""
        super().__init__(f"{name}: {problems[0]}{more}")

    def __reduce__(self) -> tuple[type[CorpusError], tuple[str, tuple[str, ...]]]:
        return type(self), (self.name, self.problems)  # it may come from another process


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """A clip with rows of labels for any subset of the tasks.

    What exists already (captions, transcripts, a face that was cut out) is `brought` and not perceived again; then
    `path` may be None, and `end` says how long the clip is.
    """

    name: str
    path: Path | None
    subject: str
    split: Split
    labelling: Labelling  # where the N rows lie
    labels: Mapping[str, Scores]  # task → [N, C]
    brought: Mapping[str, Percept] = field(default_factory=dict)  # cue's instance name → percept
    segments: tuple[Segment, ...] | None = None
    end: Microseconds = 0

    def __post_init__(self) -> None:
        for task, values in self.labels.items():
            if len(values) != len(self.labelling):
                raise ValueError(f"{self.name}: {len(values)} rows of {task} for {len(self.labelling)} places")
        if self.path is None and not self.end:
            raise ValueError(f"{self.name} has no file, so it must say how long it is")

    def footages(self) -> Iterator[Footage]:
        """Read the clip in stretches; one without a file is one stretch of what is brought."""
        if self.path is None:
            yield self._blank()
            return
        for footage in read(Clip.of(self.path, self.name), Limits()):
            brought = {
                name: part(percept, footage.start, footage.frames.until) for name, percept in self.brought.items()
            }
            yield replace(footage, percepts={**footage.percepts, **brought}, segments=self.segments)

    def targets(self, segments: Sequence[Segment], row_times: Times) -> dict[str, Scores]:
        """Return task → targets of segments [S, C], NaN where nothing is labelled."""
        return {task: self.labelling.targets(segments, rows, row_times) for task, rows in self.labels.items()}

    def _blank(self) -> Footage:
        return Footage(
            0,
            self.end,
            last=True,
            frames=Frames(np.zeros(0, np.int64), (), FOREVER),
            row_times=np.arange(0, self.end, SECOND // ROW_RATE, dtype=np.int64),
            waveform=Waveform(np.zeros(0, np.float32), 0, FOREVER),
            percepts=self.brought,
            segments=self.segments,
            clip=self.name,
        )


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clips of one source, with its licence and how to cite it."""

    name: str
    clips: tuple[LabelledClip, ...]
    licence: str
    citation: str
    pairs: Pairs | None = None  # its compounds, the seven of ABAW if None
    expressions: tuple[str, ...] = EXPRESSION.labels.names  # its own, in the order of its labels' columns
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Split → class → how many the authors say there are; "clips" for all of them."""
    duplicates: int = 0
    """Rows or files that stood there twice and were left out."""
    notes: tuple[str, ...] = ()
    """What else was left out in reading, a sentence each."""

    def __post_init__(self) -> None:
        problems = [*self._torn(), *self._twice(), *self._misshapen()]
        problems = problems or [*self._out_of_range()]
        if problems:
            raise CorpusError(self.name, problems)

    @property
    def compounds(self) -> Pairs:
        """Its compound labels and what they are made of."""
        return ABAW_PAIRS if self.pairs is None else self.pairs

    @property
    def tasks(self) -> dict[str, Task]:
        """What its labels are about, in its own labels."""
        own = Task("expression", "distribution", Labels(self.expressions))
        return {**tasks(self.compounds), "expression": own}

    def split(self, split: Split) -> tuple[LabelledClip, ...]:
        """Clips of one split, by name."""
        return tuple(sorted((clip for clip in self.clips if clip.split == split), key=lambda clip: clip.name))

    def speaking(self, expressions: Sequence[str]) -> Corpus:
        """Bring its expressions to those of an ensemble, by name; one that the ensemble does not know is an error."""
        target = Labels(tuple(expressions))
        if self.expressions == target.names:
            return self
        names = [name if name in target.names else JOINED.get(name, name) for name in self.expressions]
        if unknown := [name for name in names if name not in target.names]:
            raise CorpusError(
                self.name,
                [f"it labels {', '.join(unknown)}, which the ensemble does not tell apart ({', '.join(target)})"],
            )
        columns = target.positions(names)
        matrix = np.zeros((len(columns), len(target)), np.float32)
        matrix[np.arange(len(columns)), columns] = 1

        def moved(clip: LabelledClip) -> LabelledClip:
            if "expression" not in clip.labels:
                return clip
            return replace(clip, labels={**clip.labels, "expression": clip.labels["expression"] @ matrix})

        return replace(self, clips=tuple(moved(clip) for clip in self.clips), expressions=target.names)

    def _torn(self) -> Iterator[str]:
        sides: dict[str, set[str]] = {}
        for clip in self.clips:
            sides.setdefault(clip.subject, set()).add(clip.split)
        for subject in sorted(subject for subject, splits in sides.items() if len(splits) > 1):
            yield f"the subject {subject} stands in {' and '.join(sorted(sides[subject]))}; put all its clips into one"

    def _twice(self) -> Iterator[str]:
        seen: set[str] = set()
        for clip in self.clips:
            if clip.name in seen:
                yield f"two clips are called {clip.name}; give each its own name"
            seen.add(clip.name)

    def _misshapen(self) -> Iterator[str]:
        known = self.tasks
        for clip in self.clips:
            for task, values in clip.labels.items():
                if task not in known or values.shape[1:] != (len(known[task].labels),):
                    yield f"{clip.name}: labels of {task} have the shape {values.shape}, which fits no task"

    def _out_of_range(self) -> Iterator[str]:
        for name, task in self.tasks.items():
            clips = [clip for clip in self.clips if name in clip.labels]
            rows = np.concatenate(
                [clip.labels[name] for clip in clips] or [np.zeros((0, len(task.labels)), np.float32)]
            )
            wrong = np.flatnonzero(~_fits(rows, task.kind))
            owners = np.repeat(np.arange(len(clips)), [len(clip.labelling) for clip in clips])[wrong]
            for owner, first in zip(*np.unique(owners, return_index=True), strict=True):
                given = ", ".join(f"{value:g}" for value in rows[wrong[first]])
                yield f"{clips[owner].name}: labels of {name} are {given}, but must be {MAY_BE[task.kind]}"


def _fits(rows: Scores, kind: Kind) -> Mask:
    """Whether each row [N, C] is what labels of a kind may be."""
    unknown = np.isnan(rows)
    if kind == "distribution":
        sums = np.abs(np.where(unknown, 0, rows).sum(axis=1) - 1) < SUM_TOLERANCE
        fit = unknown.all(axis=1) | (sums & (unknown | (rows >= 0)).all(axis=1))
    else:
        each = np.isin(rows, (0, 1)) if kind == "independent" else np.abs(rows) <= 1
        fit = (unknown | each).all(axis=1)
    return np.asarray(fit)


def one_hot(labels: Array, classes: int) -> Scores:
    """Turn class numbers [F] into rows [F, C]; −1 (not labelled, as in ABAW) becomes NaN."""
    rows: Scores = np.eye(classes, dtype=np.float32)[np.clip(labels, 0, None)]
    rows[labels < 0] = np.nan
    return rows
