"""CREMA-D: 91 actors of many ages and origins say twelve sentences in six expressions.

A file's name is actor, sentence, expression and level: `1001_DFA_ANG_XX`. The label is what the actor was asked to
show, not what the crowd that rated the clips saw. Of one take as film and as sound, the film is read. There are no
official splits; ours are by actor.

    <root>/AudioWAV/1001_DFA_ANG_XX.wav, <root>/VideoFlash/1001_DFA_ANG_XX.flv
"""

from __future__ import annotations

import re
from pathlib import Path

from tuning.corpora.corpus import Corpus
from tuning.corpora.reading import RECORDINGS, Findings
from tuning.corpora.whole import Acted, split_clips, with_total

LICENCE = "Open Database License (ODbL) 1.0"
CITATION = (
    "Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Trans. Affective Computing 5 (2014)"
)
CODES = {
    "NEU": "Neutral",
    "ANG": "Anger",
    "DIS": "Disgust",
    "FEA": "Fear",
    "HAP": "Happiness",
    "SAD": "Sadness",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {"all": with_total({name: 1087 if name == "Neutral" else 1271 for name in EXPRESSIONS})}
_NAME = re.compile(r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<code>[A-Z]{3})_(?P<level>\w+)")


def read_cremad(root: Path) -> Corpus:
    """Read one clip per take; raises `CorpusError`."""
    takes: dict[str, Acted] = {}
    with Findings("cremad", root) as found:
        for path in found.files("**/*", RECORDINGS):
            name = found.named(path, _NAME, "1001_DFA_ANG_XX.wav")
            if name and (expression := found.one_of(name["code"], CODES, f"{path.name}: the expression")):
                takes.setdefault(path.stem, Acted(path.stem, path, name["actor"], expression))
    clips = split_clips(tuple(takes.values()), EXPRESSIONS)
    return Corpus("cremad", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS)
