"""EmoDB, the Berlin database: ten German actors say ten sentences in seven expressions, one of them Boredom.

What listeners did not recognise (under 80 %) or found unnatural (under 60 %) was left out by the authors. A file's name
is speaker, sentence, the German letter of the expression and a letter for the version: `03a01Fa` (F: Freude). There are
no official splits; ours are by speaker.

    <root>/wav/03a01Fa.wav, or right in <root>
"""

from __future__ import annotations

import re
from pathlib import Path

from tuning.corpora.corpus import Corpus
from tuning.corpora.reading import RECORDINGS, Findings
from tuning.corpora.whole import Acted, split_clips, with_total

LICENCE = "free for research"
CITATION = "Burkhardt et al., A database of German emotional speech, Interspeech 2005"
CODES = {
    "N": "Neutral",
    "W": "Anger",
    "E": "Disgust",
    "A": "Fear",
    "F": "Happiness",
    "T": "Sadness",
    "L": "Boredom",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {"all": with_total(dict(zip(EXPRESSIONS, (79, 127, 46, 69, 71, 62, 81), strict=True)))}
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<code>[A-Z])(?P<version>[a-z])")


def read_emodb(root: Path) -> Corpus:
    """Read all sentences; raises `CorpusError`."""
    takes: dict[str, Acted] = {}
    with Findings("emodb", root) as found:
        for path in found.files("**/*", RECORDINGS):
            name = found.named(path, _NAME, "03a01Fa.wav")
            if name and (expression := found.one_of(name["code"], CODES, f"{path.name}: the letter of the expression")):
                takes.setdefault(path.stem, Acted(path.stem, path, name["speaker"], expression))
    clips = split_clips(tuple(takes.values()), EXPRESSIONS)
    return Corpus("emodb", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS)
