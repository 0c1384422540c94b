"""The lists of the multi-task challenge (s-Aff-Wild2): single frames, each with the labels of all three tasks.

    image,valence,arousal,expression,aus                          (this header, that of 16 names, or none)
    video45_1/00001.jpg,-0.0023,0.0,7,0,0,0,0,0,0,0,0,0,0,0,0     image 00001 is the first frame

A frame that stands there twice counts once, by its first row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from modalities.labels import ACTION_UNITS
from modalities.types import Array, Scores
from tuning.corpora.affwild2.lines import film, films, numbers, scores, text_lines
from tuning.corpora.affwild2.terms import ANNOTATED, CITATION, LICENCE, film_of
from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.labelling import AtFrames
from tuning.corpora.reading import Findings, places_of

LISTS: Mapping[Split, str] = {"train": "train_set.txt", "dev": "validation_set.txt"}
HEADERS = (
    "image,valence,arousal,expression,aus",
    ",".join(["image", "valence", "arousal", "expression", *ACTION_UNITS.labels]),
)
COLUMNS = {"valence_arousal": slice(0, 2), "expression": slice(2, 3), "action_units": slice(3, 15)}
COUNTS = {
    "train": {
        "rows": 141_431,
        "rows of expression": 90_645,
        "rows of valence_arousal": 103_917,
        "rows of action_units": 103_316,
    },
    "dev": {"rows": 26_666, "rows of expression": 15_363},
}
"""After duplicates (951 and 210) are removed (PML §4)."""
_IMAGE = re.compile(r"(?P<clip>.+)/(?P<number>0*[1-9]\d*)\.jpg")


def read_affwild2_mtl(root: Path) -> Corpus:
    """Read one clip per listed person of a video, labelled at the listed frames; raises `CorpusError`."""
    clips: list[LabelledClip] = []
    with Findings("affwild2_mtl", root) as found:
        known = films(found)
        above = root / "annotations" if (root / "annotations" / "MTL_Challenge").is_dir() else root
        for split, name in LISTS.items():
            clips += _listed(found, above / "MTL_Challenge" / name, split, known)
    return Corpus("affwild2_mtl", tuple(clips), LICENCE, CITATION, counts=COUNTS, duplicates=found.duplicates)


def _listed(found: Findings, path: Path, split: Split, known: Mapping[str, Path]) -> Iterator[LabelledClip]:
    if not found.there(path, "the multi-task challenge has it"):
        return
    where, lines = str(path.relative_to(found.root)), text_lines(path)
    headed = bool(lines) and lines[0].startswith("image")
    if headed and lines[0].replace(" ", "") not in HEADERS:
        found.problems.append(f"{where} begins with {lines[0]!r}, but must begin with {HEADERS[0]!r} or have no header")
        return
    where = f"{where}:{1 + headed}"
    cells = [line.partition(",") for line in lines[headed:]]
    labels = _labels(found, where, [rest for _, _, rest in cells])
    frames = _frames(found, where, [image for image, _, _ in cells])
    if labels is None or frames is None:
        return
    clips, places = frames
    for name, rows in places_of(clips).items():
        if film_path := film(found, known, name):
            order, first = np.unique(places[rows], return_index=True)
            found.duplicates += len(rows) - len(order)
            kept = np.array(rows)[first]
            chosen = {task: values[kept] for task, values in labels.items()}
            yield LabelledClip(name, film_path, film_of(name), split, AtFrames(order), chosen)


def _labels(found: Findings, where: str, lines: Sequence[str]) -> dict[str, Scores] | None:
    values = numbers(found, where, lines, 15)
    if values is None:
        return None
    rows = {task: scores(found, where, values[:, columns], ANNOTATED[task]) for task, columns in COLUMNS.items()}
    good = {task: row for task, row in rows.items() if row is not None}
    return good if len(good) == len(rows) else None


def _frames(found: Findings, where: str, images: Sequence[str]) -> tuple[list[str], Array] | None:
    """Return clip and frame (from 0) of each image."""
    matches = [_IMAGE.fullmatch(image) for image in images]
    named = [match for match in matches if match is not None]
    if len(named) < len(matches):
        path, _, first = where.rpartition(":")
        odd = matches.index(None)
        found.problems.append(
            f"{path}, line {int(first) + odd}: the image is {images[odd]!r}, but must be named like video45_1/00001.jpg"
        )
        return None
    return [match["clip"] for match in named], np.array([int(match["number"]) - 1 for match in named], np.int64)
