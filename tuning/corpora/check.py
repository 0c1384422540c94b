"""Checking a corpus: what is in it beside what its authors say there is, and everything that is wrong with it.

    twofold corpus check emodb /data/EmoDB --deep

A reader already refuses what it cannot read truly (missing files, unknown labels, a subject in two splits). `deep` also
decodes the beginning of every file, looks for files with the same content, and counts segments where the authors do.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from modalities.labels import Task
from modalities.media import MediaError
from modalities.types import Scores
from tuning.catalog import CORPORA, read_corpus
from tuning.corpora.corpus import SPLITS, Corpus, CorpusError, LabelledClip
from tuning.corpora.segments import SEGMENTS, count_segments

ALL = "all"
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Count:
    """How many of something there are, and how many the authors say; None where they say nothing."""

    split: str
    what: str
    found: int
    stated: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found."""

    corpus: str
    counts: tuple[Count, ...]
    duplicates: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What was left out in reading, a sentence each."""

    @property
    def code(self) -> int:
        """Exit code: 1 where there is a problem."""
        return 1 if self.problems else 0

    def document(self) -> dict[str, Any]:
        """Return all as plain data."""
        return {"ok": not self.problems, **asdict(self)}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return columns and rows to show."""
        rows = [
            [count.split, count.what, f"{count.found:,}", "" if count.stated is None else f"{count.stated:,}"]
            for count in self.counts
        ]
        return ["split", "what", "found", "stated"], rows


def check(name: str, root: Path, report: Report = lambda _: None, *, deep: bool) -> Checked:
    """Check the corpus in a folder; raises `FileNotFoundError` where there is no such folder.

    `report` is told what is being looked at.
    """
    if not root.exists():
        raise FileNotFoundError(f"there is no {root}; give the folder of the corpus")
    try:
        corpus = read_corpus(name, root)
    except CorpusError as error:
        return Checked(name, (), 0, error.problems)
    counts = tuple(_counts(corpus, report, deep=deep))
    problems = [_difference(count) for count in counts if count.stated not in (None, count.found)]
    if deep:
        problems += [*_broken(corpus.clips, report), *_alike(corpus.clips)]
    return Checked(name, counts, corpus.duplicates, tuple(problems), corpus.notes)


def _difference(count: Count) -> str:
    return f"{count.split}: {count.found:,} {count.what}, but the authors state {count.stated:,}"


def _counts(corpus: Corpus, report: Report, *, deep: bool) -> Iterator[Count]:
    """Count each split, and all of them together where there are several, or where the authors do.

    Segments are counted where the authors do, and only if one looks deeper: every file must be read for it.
    """
    sides: dict[str, Sequence[LabelledClip]] = {split: corpus.split(split) for split in SPLITS}
    if ALL in corpus.counts or sum(map(bool, sides.values())) > 1:
        sides[ALL] = corpus.clips
    for side, clips in sides.items():
        stated = {what: number for what, number in corpus.counts.get(side, {}).items() if deep or not _cut(what)}
        tally = _tally(clips, corpus.tasks)
        if any(map(_cut, stated)):
            tally.update(_segments(clips, report))
        if clips or stated:
            yield from (Count(side, what, tally[what], stated.get(what)) for what in {**tally, **stated})


def _cut(what: str) -> bool:
    return what.startswith(SEGMENTS)


def _segments(clips: Sequence[LabelledClip], report: Report) -> Counter[str]:
    found: Counter[str] = Counter()
    for clip in clips:
        report(f"cutting {clip.name}")
        with suppress(MediaError):  # what is broken is told of where files are opened
            found.update(count_segments(clip))
    return found


def _tally(clips: Sequence[LabelledClip], tasks: Mapping[str, Task]) -> Counter[str]:
    """Count clips, subjects, rows, those with labels of each task, and rows of each class (of its greatest share)."""
    tally = Counter(
        {
            "clips": len(clips),
            "subjects": len({clip.subject for clip in clips}),
            "rows": sum(len(clip.labelling) for clip in clips),
        }
    )
    for clip in clips:
        for task, rows in clip.labels.items():
            labelled = ~np.isnan(rows).all(axis=1)
            tally[f"clips of {task}"] += bool(labelled.any())
            tally[f"rows of {task}"] += int(labelled.sum())
            tally.update(_classes(tasks[task], rows[labelled]))
    return tally


def _classes(task: Task, rows: Scores) -> dict[str, int]:
    """Return label → how many rows are of it; nothing of a task without classes."""
    if task.kind == "continuous":
        return {}
    chosen = np.eye(len(task.labels), dtype=np.int64)[rows.argmax(axis=1)] if task.kind == "distribution" else rows == 1
    return {label: int(number) for label, number in zip(task.labels, chosen.sum(axis=0), strict=True)}


def _broken(clips: Sequence[LabelledClip], report: Report) -> Iterator[str]:
    """Decode the first stretch of each file."""
    for clip in {clip.path: clip for clip in clips if clip.path}.values():
        report(str(clip.path))
        try:
            first = next(clip.footages())
        except MediaError as error:
            yield f"{clip.path} is broken: {error}"
            continue
        yield from (f"{clip.path} is damaged: {problem}" for problem in first.problems)


def _alike(clips: Sequence[LabelledClip]) -> Iterator[str]:
    """Name files with the same content, and the splits where they are."""
    splits = {clip.path: clip.split for clip in clips if clip.path}
    same: dict[str, list[str]] = defaultdict(list)
    for path in sorted(splits):
        with path.open("rb") as file:
            same[hashlib.file_digest(file, "sha256").hexdigest()].append(f"{path} ({splits[path]})")
    yield from (f"{' and '.join(paths)} have the same content; keep one" for paths in same.values() if len(paths) > 1)


def known() -> list[list[str]]:
    """Return a row per corpus of the catalog: its name, its story in a line, its licence."""
    rows: list[list[str]] = []
    for name, address in CORPORA.items():
        module, _, function = address.partition(":")
        told = import_module(module)
        home = sys.modules[getattr(told, function).__module__]
        story = (inspect.getdoc(told) or "").partition("\n\n")[0].replace("\n", " ")
        licence = getattr(told, "LICENCE", None) or getattr(home, "LICENCE", "")
        rows.append([name, story, str(licence)])
    return rows
