"""AFEW, Acted Facial Expressions in the Wild: short scenes of feature films, each with one of seven expressions.

A file's name is a time in its film, so two films may use the same one (005153760 is Disgust in train and Surprise in
dev: different scenes). A clip is called by its split and that number, never by its folder, which is its label. Who is
seen is not said; the official splits do not share films, and a subject is a video.

    <root>/Train_AFEW/<Angry|Disgust|Fear|Happy|Neutral|Sad|Surprise>/000046280.avi, <root>/Val_AFEW/…
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.reading import RECORDINGS, Findings
from tuning.corpora.whole import WHOLE, row, with_total

LICENCE = "for research only, by agreement with the authors; the films belong to their makers"
CITATION = (
    "Dhall et al., Collecting Large, Richly Annotated Facial-Expression Databases from Movies, IEEE MultiMedia 19(3), "
    "2012"
)
FOLDERS: Mapping[str, Split] = {"Train_AFEW": "train", "Val_AFEW": "dev"}
CODES = {
    "Neutral": "Neutral",
    "Angry": "Anger",
    "Disgust": "Disgust",
    "Fear": "Fear",
    "Happy": "Happiness",
    "Sad": "Sadness",
    "Surprise": "Surprise",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {
    "train": {**with_total(dict(zip(EXPRESSIONS, (144, 133, 74, 81, 150, 117, 74), strict=True))), "segments": 855},
    "dev": {**with_total(dict(zip(EXPRESSIONS, (63, 64, 40, 46, 63, 61, 46), strict=True))), "segments": 411},
}
"""Videos and segments (RAS §4.1); per class, counted in the captions that its authors publish."""


def read_afew(root: Path) -> Corpus:
    """Read all videos, each labelled as a whole; raises `CorpusError`."""
    clips: list[LabelledClip] = []
    with Findings("afew", root) as found:
        for folder, split in FOLDERS.items():
            for path in found.files(f"{folder}/*/*", RECORDINGS):
                where = f"{folder}/{path.parent.name}/{path.name}: the folder"
                if expression := found.one_of(path.parent.name, CODES, where):
                    name = f"{split}_{path.stem}"
                    clips.append(
                        LabelledClip(name, path, name, split, WHOLE, {"expression": row(expression, EXPRESSIONS)})
                    )
    return Corpus("afew", tuple(clips), LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS)
