"""SAVEE: four British men (DC, JE, JK, KL) say 120 TIMIT sentences each in seven expressions.

A file's name is the expression's letter or letters and a number: `a01`, `sa15`; whose it is, the folder says, or the
name where all files lie in one folder (`DC_a01`). Of one take as film and as sound, the film is read. There are no
official splits; ours are by speaker, so two of the four train.

    <root>/AudioData/DC/a01.wav (or AudioVisualClip/DC/a01.avi), or <root>/DC_a01.wav
"""

from __future__ import annotations

import re
from pathlib import Path

from tuning.corpora.corpus import Corpus
from tuning.corpora.reading import RECORDINGS, Findings
from tuning.corpora.whole import Acted, split_clips, with_total

LICENCE = "for research only, by registration at the University of Surrey"
CITATION = "Haq & Jackson, Speaker-dependent audio-visual emotion recognition, AVSP 2009"
CODES = {
    "n": "Neutral",
    "a": "Anger",
    "d": "Disgust",
    "f": "Fear",
    "h": "Happiness",
    "sa": "Sadness",
    "su": "Surprise",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {"all": with_total({name: 120 if name == "Neutral" else 60 for name in EXPRESSIONS})}
SPEAKERS = {name: name for name in ("DC", "JE", "JK", "KL")}
_NAME = re.compile(r"(?:(?P<speaker>[A-Z]{2})_)?(?P<code>[a-z]+)(?P<number>\d+)")


def read_savee(root: Path) -> Corpus:
    """Read one clip per take; raises `CorpusError`."""
    takes: dict[str, Acted] = {}
    with Findings("savee", root) as found:
        for path in found.files("**/*", RECORDINGS):
            name = found.named(path, _NAME, "DC_a01.wav or DC/a01.wav")
            if name is None:
                continue
            whose = found.one_of(name["speaker"] or path.parent.name, SPEAKERS, f"{path.name}: the speaker")
            expression = found.one_of(name["code"], CODES, f"{path.name}: the letter of the expression")
            if whose and expression:
                take = f"{whose}_{name['code']}{int(name['number']):02}"
                takes.setdefault(take, Acted(take, path, whose, expression))
    clips = split_clips(tuple(takes.values()), EXPRESSIONS)
    return Corpus("savee", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS)
