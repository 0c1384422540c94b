"""The annotation files of the uni-task challenges: a header, then one line per video frame, from the first on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modalities.types import Scores
from tuning.corpora.affwild2.lines import film, films, numbers, scores, text_lines
from tuning.corpora.affwild2.terms import ANNOTATED, CITATION, LICENCE, Annotated, film_of
from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.labelling import AtFrames
from tuning.corpora.reading import Findings

SETS: Mapping[str, Split] = {"Train_Set": "train", "Validation_Set": "dev"}
COUNTS = {
    "train": {"clips of expression": 248, "clips of valence_arousal": 356, "segments of expression": 15_158},
    "dev": {"clips of expression": 70, "clips of valence_arousal": 76, "segments of expression": 6_450},
}
"""Of expression: RAS §4.1; of valence and arousal: the files of the 10th ABAW challenge."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    task: str
    split: Split

    @property
    def clip(self) -> str:
        return self.path.stem

    @property
    def film(self) -> str:
        return film_of(self.clip)


def read_affwild2(root: Path) -> Corpus:
    """Read one clip per annotated person of a video, with all tasks that are annotated; raises `CorpusError`."""
    clips: list[LabelledClip] = []
    with Findings("affwild2", root) as found:
        known = films(found)
        by_clip: dict[tuple[str, Split], dict[str, Scores]] = defaultdict(dict)
        for file in _without_validated(found, _files(found)):
            rows = _rows(found, file, ANNOTATED[file.task])
            if rows is not None:
                by_clip[file.clip, file.split][file.task] = rows
        for (name, split), labels in sorted(by_clip.items()):
            if path := film(found, known, name):
                clips.append(_clip(name, path, split, labels))
    return Corpus(
        "affwild2",
        tuple(clips),
        LICENCE,
        CITATION,
        counts=COUNTS,
        duplicates=found.duplicates,
        notes=tuple(found.notes),
    )


def _files(found: Findings) -> list[_File]:
    files = [
        _File(path, task, split)
        for task, annotated in ANNOTATED.items()
        for folder, split in SETS.items()
        for path in sorted(found.root.glob(f"annotations/{annotated.folders}/{folder}/*.txt"))
    ]
    if not files:
        found.problems.append(
            f"there is no annotations/EXPR_…, VA_… or AU_…Challenge/Train_Set/*.txt in {found.root}; "
            "is this the folder of the corpus?"
        )
    return files


def _without_validated(found: Findings, files: list[_File]) -> Iterator[_File]:
    """Leave out what one challenge trains on and only others validate on."""
    validated: dict[str, set[str]] = defaultdict(set)
    for file in files:
        if file.split == "dev":
            validated[file.film].add(file.task)
    torn: Counter[str] = Counter()
    for file in files:
        others = validated[file.film]
        if file.split == "train" and others and file.task not in others:
            torn[file.film] += 1
        else:
            yield file
    if torn:
        found.duplicates += torn.total()
        videos = "1 video is" if len(torn) == 1 else f"{len(torn)} videos are"
        found.notes.append(
            f"{videos} trained on in one challenge and validated on in another ({', '.join(sorted(torn))}): in dev "
            f"alone, without {torn.total()} files of labels for training"
        )


def _rows(found: Findings, file: _File, annotated: Annotated) -> Scores | None:
    where = str(file.path.relative_to(found.root))
    header, *lines = text_lines(file.path) or [""]
    expected = ",".join(annotated.task.labels)
    if header.replace(" ", "") != expected:
        found.problems.append(f"{where} begins with {header!r}, but must begin with {expected!r}")
        return None
    values = numbers(found, f"{where}:2", lines, annotated.width)
    return None if values is None else scores(found, f"{where}:2", values, annotated)


def _clip(name: str, path: Path, split: Split, labels: Mapping[str, Scores]) -> LabelledClip:
    frames = max(map(len, labels.values()))
    padded = {
        task: np.pad(rows, ((0, frames - len(rows)), (0, 0)), constant_values=np.nan) for task, rows in labels.items()
    }
    return LabelledClip(name, path, film_of(name), split, AtFrames(np.arange(frames)), padded)
