"""AffectNet: faces of the internet, each judged by one person.

There are eight expressions, Contempt among them, and valence and arousal. Two forms are read, told apart by what lies
there: the official tables (codes 8 none, 9 uncertain and 10 no face are left out), and the smaller release of 2021 with
a file per label. The authors never published their test images, so figures in the literature are on what they call the
validation set: here `test`, and there is no dev. Nobody is known by name, so every image is a subject of
its own.

    <root>/Manually_Annotated_file_lists/training.csv, validation.csv (or right in <root>)
    <root>/Manually_Annotated_Images/689/737db2483489148d783ef278f43f486c0a97e140fc4b6b61b84363ca.jpg
or
    <root>/train_set/annotations/0_exp.npy, 0_val.npy, 0_aro.npy; <root>/train_set/images/0.jpg; val_set likewise
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from modalities.types import Scores
from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.reading import PICTURES, Findings
from tuning.corpora.whole import WHOLE, row, with_total

LICENCE = "for research only, by agreement with the University of Denver"
CITATION = (
    "Mollahosseini, Hasani & Mahoor, AffectNet: A Database for Facial Expression, Valence, and Arousal Computing in "
    "the Wild, IEEE Trans. Affective Computing 10 (2019)"
)
EXPRESSIONS = ("Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger", "Contempt")
"""Numbers 0 to 7."""
COUNTS = {
    "train": with_total(dict(zip(EXPRESSIONS, (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750), strict=True))),
    "test": with_total(dict.fromkeys(EXPRESSIONS, 500)),
}
NO_FACE = ("8", "9", "10")
"""Codes of images without an expression of these."""
CODES = {**{str(number): name for number, name in enumerate(EXPRESSIONS)}, **dict.fromkeys(NO_FACE, "")}
UNLABELLED = -2.0
"""Valence or arousal of an image that has none."""
TABLES: Mapping[str, Split] = {"training.csv": "train", "validation.csv": "test"}
FOLDERS: Mapping[str, Split] = {"train_set": "train", "val_set": "test"}
PATH = "subDirectory_filePath"
_ROWS = {name: row(name, EXPRESSIONS) for name in EXPRESSIONS}


def read_affectnet(root: Path) -> Corpus:
    """Read either form; raises `CorpusError`."""
    with Findings("affectnet", root) as found:
        annotated = any((root / folder).is_dir() for folder in FOLDERS)
        clips = tuple(_annotated(found) if annotated else _listed(found))
    return Corpus(
        "affectnet", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS, duplicates=found.duplicates
    )


def _listed(found: Findings) -> Iterator[LabelledClip]:
    """Read the official tables."""
    lists = _inside(found.root, "Manually_Annotated_file_lists")
    pictures = _inside(found.root, "Manually_Annotated_Images")
    for name, split in TABLES.items():
        table = found.table(lists / name, (PATH, "expression", "valence", "arousal"), dtype=str, keep_default_na=False)
        for path, code, valence, arousal in zip(
            table[PATH], table.expression, table.valence, table.arousal, strict=True
        ):
            labels = _labels(found, f"{name}: {path}", code, (valence, arousal))
            if (
                labels
                and not found.twice(f"{split} {path} {code} {valence} {arousal}".encode())
                and found.there(pictures / path, f"{name} lists it")
            ):
                yield LabelledClip(f"{split}/{path}", pictures / path, path, split, WHOLE, labels)


def _annotated(found: Findings) -> Iterator[LabelledClip]:
    """Read a file per label."""
    for folder, split in FOLDERS.items():
        for annotation in found.files(f"{folder}/annotations/*_exp.npy"):
            number = annotation.name.removesuffix("_exp.npy")
            stems = [annotation.with_name(f"{number}_{kind}.npy") for kind in ("exp", "val", "aro")]
            picture = _picture(found.root / folder / "images", number)
            where = f"{folder}/annotations/{number}"
            there = [found.there(path, f"{where} has other labels") for path in (picture, *stems)]
            stored = [_stored(found, path) for path in stems] if all(there) else []
            told = [value for value in stored if value is not None]
            if len(told) == len(stems) and (labels := _labels(found, where, told[0], told[1:])):
                name = f"{folder}/{number}"
                yield LabelledClip(name, picture, name, split, WHOLE, labels)


def _labels(found: Findings, where: str, code: str, va: Sequence[str]) -> Mapping[str, Scores]:
    """Return rows of both tasks; none where the image has no expression, or where something is wrong."""
    expression = found.one_of(code, CODES, f"{where}: the expression")
    if not expression:
        return {}
    try:
        values = np.array([va], np.float32)
    except ValueError:
        values = np.full((1, 2), np.inf, np.float32)
    values[values == UNLABELLED] = np.nan
    if np.any(np.abs(values) > 1):
        found.problems.append(
            f"{where}: valence and arousal are {' and '.join(map(str, va))}, but lie in −1 to 1 (−2: unknown)"
        )
        return {}
    return {"expression": _ROWS[expression], "valence_arousal": values}


def _stored(found: Findings, path: Path) -> str | None:
    """Read a file of one label; anything else in it is a problem, and None."""
    try:
        return str(np.load(path).item())
    except (ValueError, EOFError, OSError) as error:
        place = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
        found.problems.append(f"{place} must hold one number, as numpy saves it, but: {error}; copy it anew")
        return None


def _picture(folder: Path, number: str) -> Path:
    paths = [folder / f"{number}{ending}" for ending in PICTURES]
    return next((path for path in paths if path.is_file()), folder / f"{number}.jpg")


def _inside(root: Path, name: str) -> Path:
    """Where a part of the official release lies: in the root, a folder deeper, or the root itself."""
    places = (root / name, root / "Manually_Annotated" / name)
    return next((place for place in places if place.is_dir()), root)
