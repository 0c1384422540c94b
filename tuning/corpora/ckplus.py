"""CK+ as 48 × 48 crops (CK+48): the last three frames of 327 sequences in which 118 people pose an expression.

Seven expressions, Contempt among them and no Neutral. The subject is in the name: `S010_006_00000013.png` is the 13th
frame of the sixth sequence of S010. The three frames of a sequence are almost alike, so a split by image (as some
published figures have it) tells nothing; ours is by subject.

    <root>/anger/S010_004_00000017.png, contempt, disgust, fear, happy, sadness, surprise
"""

from __future__ import annotations

import re
from pathlib import Path

from tuning.corpora.corpus import Corpus
from tuning.corpora.reading import PICTURES, Findings
from tuning.corpora.whole import Acted, split_clips, with_total

LICENCE = "for research only, by agreement with the University of Pittsburgh"
CITATION = (
    "Lucey et al., The Extended Cohn-Kanade Dataset (CK+): A complete dataset for action unit and emotion-specified "
    "expression, CVPR Workshops 2010"
)
FOLDERS = {
    "anger": "Anger",
    "contempt": "Contempt",
    "disgust": "Disgust",
    "fear": "Fear",
    "happy": "Happiness",
    "sadness": "Sadness",
    "surprise": "Surprise",
}
EXPRESSIONS = tuple(FOLDERS.values())
COUNTS = {"all": with_total(dict(zip(EXPRESSIONS, (135, 54, 177, 75, 207, 84, 249), strict=True)))}
_NAME = re.compile(r"(?P<subject>S\d{3})_\d{3}_\d{8}")


def read_ckplus(root: Path) -> Corpus:
    """Read all images; raises `CorpusError`."""
    takes: list[Acted] = []
    with Findings("ckplus", root) as found:
        for path in found.files("*/*", PICTURES):
            name = found.named(path, _NAME, "S010_004_00000017.png")
            expression = found.one_of(path.parent.name, FOLDERS, f"{path.parent.name}/{path.name}: the folder")
            if name and expression and not found.twice(path.read_bytes()):
                takes.append(Acted(path.stem, path, name["subject"], expression))
    clips = split_clips(takes, EXPRESSIONS)
    return Corpus(
        "ckplus", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS, duplicates=found.duplicates
    )
