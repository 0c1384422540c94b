"""RAF-DB: faces of the internet, each judged by about forty people; a basic part and a compound part.

The basic part has one of seven expressions per image, the compound part one of eleven compounds (and by our convention
its two basics at one half each as expression). Both come as aligned faces of 100 × 100 pixels and as original pictures
(entries `…_original`). An image's name says its split; there is no dev. Nobody is known by name, so every image is a
subject of its own.

    <root>/EmoLabel/list_patition_label.txt      lines `train_00001.jpg 5`
    <root>/Image/aligned/train_00001_aligned.jpg, <root>/Image/original/train_00001.jpg
    (root: the folder `basic` or `compound`, or the one that holds it)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from modalities.labels import EXPRESSION, Pairs
from modalities.types import Scores
from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.reading import Findings
from tuning.corpora.whole import WHOLE, row, with_total

LICENCE = "for non-commercial research only, by agreement with the authors (BUPT)"
CITATION = (
    "Li, Deng & Du, Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in the "
    "Wild, CVPR 2017"
)
EXPRESSIONS = ("Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral")
"""Numbers 1 to 7 of the basic part."""
PAIRS: Pairs = {
    "Happily Surprised": ("Happiness", "Surprise"),
    "Happily Disgusted": ("Happiness", "Disgust"),
    "Sadly Fearful": ("Sadness", "Fear"),
    "Sadly Angry": ("Sadness", "Anger"),
    "Sadly Surprised": ("Sadness", "Surprise"),
    "Sadly Disgusted": ("Sadness", "Disgust"),
    "Fearfully Angry": ("Fear", "Anger"),
    "Fearfully Surprised": ("Fear", "Surprise"),
    "Angrily Surprised": ("Anger", "Surprise"),
    "Angrily Disgusted": ("Anger", "Disgust"),
    "Disgustedly Surprised": ("Disgust", "Surprise"),
}
"""Numbers 1 to 11 of the compound part."""
BASIC_COUNTS = {
    "train": with_total(dict(zip(EXPRESSIONS, (1290, 281, 717, 4772, 1982, 705, 2524), strict=True))),
    "test": with_total(dict(zip(EXPRESSIONS, (329, 74, 160, 1185, 478, 162, 680), strict=True))),
}
COMPOUND_COUNTS = {"train": {"clips": 3162}, "test": {"clips": 792}}
Images = Literal["aligned", "original"]
_LINE = re.compile(r"(?P<stem>(?P<split>train|test)_\d+)(?P<ending>\.\w+) +(?P<number>\d+)")


def read_rafdb(root: Path) -> Corpus:
    """Read the basic part, aligned; raises `CorpusError`."""
    return _read_basic("rafdb", root, "aligned")


def read_rafdb_original(root: Path) -> Corpus:
    """Read the basic part, original pictures; raises `CorpusError`."""
    return _read_basic("rafdb_original", root, "original")


def read_rafdb_compound(root: Path) -> Corpus:
    """Read the compound part, aligned; raises `CorpusError`."""
    return _read_compound("rafdb_compound", root, "aligned")


def read_rafdb_compound_original(root: Path) -> Corpus:
    """Read the compound part, original pictures; raises `CorpusError`."""
    return _read_compound("rafdb_compound_original", root, "original")


def _read_basic(name: str, root: Path, images: Images) -> Corpus:
    with Findings(name, _part(root, "basic")) as found:
        labels = {label: {"expression": row(label, EXPRESSIONS)} for label in EXPRESSIONS}
        clips = tuple(_clips(found, images, labels))
    return Corpus(
        name, clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=BASIC_COUNTS, duplicates=found.duplicates
    )


def _read_compound(name: str, root: Path, images: Images) -> Corpus:
    with Findings(name, _part(root, "compound")) as found:
        labels = {label: {"compound": row(label, tuple(PAIRS)), "expression": _halves(label)} for label in PAIRS}
        clips = tuple(_clips(found, images, labels))
    return Corpus(name, clips, LICENCE, CITATION, PAIRS, counts=COMPOUND_COUNTS, duplicates=found.duplicates)


def _clips(found: Findings, images: Images, labels: dict[str, dict[str, Scores]]) -> Iterator[LabelledClip]:
    """Make a clip of each line; `labels`: name of a class, in the order of its number → rows."""
    numbers = {str(number): rows for number, rows in enumerate(labels.values(), 1)}
    table = found.root / "EmoLabel" / "list_patition_label.txt"
    classes: dict[str, str] = {}
    for number, text in enumerate(found.lines(table), 1):
        line = _LINE.fullmatch(text.strip())
        if line is None:
            found.problems.append(f"{table.name}, line {number} is {text!r}, but must be like 'train_00001.jpg 5'")
            continue
        rows = found.one_of(line["number"], numbers, f"{table.name}, line {number}: the class")
        if classes.setdefault(line["stem"], line["number"]) != line["number"]:
            found.problems.append(f"{table.name}, line {number}: {line['stem']} has another class above; keep one")
        suffix = "_aligned" if images == "aligned" else ""
        path = found.root / "Image" / images / f"{line['stem']}{suffix}{line['ending']}"
        if rows and not found.twice(line["stem"].encode()) and found.there(path, f"{table.name} tells of it"):
            split: Split = "train" if line["split"] == "train" else "test"
            yield LabelledClip(line["stem"], path, line["stem"], split, WHOLE, rows)


def _part(root: Path, part: str) -> Path:
    return root / part if (root / part).is_dir() else root


def _halves(compound: str) -> Scores:
    first, second = (row(name, EXPRESSION.labels.names) for name in PAIRS[compound])
    return np.asarray((first + second) / 2, np.float32)
