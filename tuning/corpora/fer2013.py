"""FER2013: 35,887 grey faces of 48 × 48 pixels that a search engine found for words of emotion.

The images are inside the table, so a clip has no file: it brings its one frame (`frames`). `Training` trains,
`PublicTest` is dev, `PrivateTest` is test. Many images stand there twice, some in two splits: each is read once, rather
in test than in dev and rather in dev than in train. Nobody is known by name, so every image is a subject of its own.

    <root>/fer2013.csv      emotion,pixels,Usage; pixels are 2,304 numbers from 0 to 255
    <root>/*.npz            or a part of it: images [N, 48, 48], label [N], split [N] (train, dev, test), classes [7]
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modalities.types import FOREVER, SAMPLED_FPS, SECOND, Frames, Microseconds
from tuning.corpora.corpus import SPLITS, Corpus, LabelledClip, Split
from tuning.corpora.reading import Findings
from tuning.corpora.whole import WHOLE, row, with_total

LICENCE = "for research, by the rules of the challenge"
CITATION = (
    "Goodfellow et al., Challenges in Representation Learning: A report on three machine learning contests, ICONIP 2013"
)
CLASSES = {
    "angry": "Anger",
    "disgust": "Disgust",
    "fear": "Fear",
    "happy": "Happiness",
    "sad": "Sadness",
    "surprise": "Surprise",
    "neutral": "Neutral",
}
"""In the order of the table's numbers."""
EXPRESSIONS = tuple(CLASSES.values())
COUNTS = {
    "train": with_total(dict(zip(EXPRESSIONS, (3995, 436, 4097, 7215, 4830, 3171, 4965), strict=True))),
    "dev": with_total(dict(zip(EXPRESSIONS, (467, 56, 496, 895, 653, 415, 607), strict=True))),
    "test": with_total(dict(zip(EXPRESSIONS, (491, 55, 528, 879, 594, 416, 626), strict=True))),
}
USAGE: Mapping[str, Split] = {"Training": "train", "PublicTest": "dev", "PrivateTest": "test"}
SIDE, WHITE = 48, 255
LENGTH: Microseconds = SECOND // SAMPLED_FPS
"""Of a clip of one frame, as a still picture's."""
Grey = NDArray[np.uint8]
Entry = tuple[Split, str, str, Grey]
"""Split, name, expression, image [48, 48]."""


def read_fer2013(root: Path) -> Corpus:
    """Read the table, or a part of it as arrays; raises `CorpusError`."""
    with Findings("fer2013", root) as found:
        entries = list(_listed(found) if (root / "fer2013.csv").exists() else _stored(found))
        clips = tuple(
            _clip(*entry)
            for wanted in reversed(SPLITS)
            for entry in entries
            if entry[0] == wanted and not found.twice(entry[-1].tobytes())
        )
    return Corpus(
        "fer2013",
        clips,
        LICENCE,
        CITATION,
        expressions=EXPRESSIONS,
        counts=COUNTS,
        duplicates=found.duplicates,
    )


def _listed(found: Findings) -> Iterator[Entry]:
    """Read the official table."""
    table = found.table(found.root / "fer2013.csv", ("emotion", "pixels", "Usage"), dtype=str, keep_default_na=False)
    numbers = {str(number): name for number, name in enumerate(EXPRESSIONS)}
    for number, (emotion, pixels, usage) in enumerate(zip(table.emotion, table.pixels, table.Usage, strict=True)):
        where = f"fer2013.csv, line {number + 2}"
        expression = found.one_of(emotion, numbers, f"{where}: the emotion")
        split = found.one_of(usage, USAGE, f"{where}: the usage")
        values = [int(value) for value in pixels.split() if value.isdecimal()]
        brightest = max(values, default=0)
        if len(values) != SIDE * SIDE or brightest > WHITE:
            found.problems.append(
                f"{where} has {len(values)} pixels, the brightest {brightest}, but needs {SIDE * SIDE} up to {WHITE}"
            )
        elif expression and split:
            yield split, f"fer2013_{number:05}", expression, np.array(values, np.uint8).reshape(SIDE, SIDE)


def _stored(found: Findings) -> Iterator[Entry]:
    """Read arrays."""
    for path in found.files("*.npz"):
        try:
            with np.load(path) as stored:
                images, labels, sides, classes = (stored[key] for key in ("images", "label", "split", "classes"))
        except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            found.problems.append(f"{path.name} must hold images, label, split and classes, but: {error}")
            continue
        if not images.shape[:1] == labels.shape == sides.shape:
            found.problems.append(
                f"{path.name} has {len(images)} images, {labels.shape} labels and {sides.shape} splits, but needs one "
                "of each per image"
            )
            continue
        if images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
            found.problems.append(
                f"{path.name} has images {images.shape} of {images.dtype}, but needs [N, 48, 48] uint8"
            )
            continue
        numbers = {str(number): str(name) for number, name in enumerate(classes)}
        for number, (image, label, side) in enumerate(zip(images, labels, sides, strict=True)):
            where = f"{path.name}, image {number}"
            word = found.one_of(str(label), numbers, f"{where}: the label")
            split = found.one_of(str(side), {name: name for name in SPLITS}, f"{where}: the split")
            if word and split and (expression := found.one_of(word, CLASSES, f"{where}: the class")):
                yield split, f"{path.stem}_{number:05}", expression, image


def _clip(split: Split, name: str, expression: str, grey: Grey) -> LabelledClip:
    frames = Frames(np.zeros(1, np.int64), (np.repeat(grey[..., None], 3, axis=2),), FOREVER)
    labels = {"expression": row(expression, EXPRESSIONS)}
    return LabelledClip(name, None, name, split, WHOLE, labels, brought={"frames": frames}, end=LENGTH)
