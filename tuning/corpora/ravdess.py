"""RAVDESS: 24 professional actors say two sentences in eight expressions, filmed and recorded in a studio.

Every actor says each sentence twice in a normal and twice in a strong intensity (Neutral has no strong one): 60 takes.
A file's name tells everything: `03-01-06-01-02-01-12.wav` is modality (01 film with sound, 02 film alone, 03 sound
alone), channel (01 spoken, 02 sung), expression, intensity, sentence, repetition, actor. Of one take in several
modalities the fullest is read. Sung takes are passed over: figures in the literature are about the spoken ones. There
are no official splits; ours are by actor.

    <root>/Actor_12/03-01-06-01-02-01-12.wav, also one or two folders deeper
"""

from __future__ import annotations

import re
from pathlib import Path

from tuning.corpora.corpus import Corpus
from tuning.corpora.reading import RECORDINGS, Findings
from tuning.corpora.whole import Acted, split_clips, with_total

LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "Livingstone & Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), PLoS ONE 13 (2018)"
)
CODES = {
    "01": "Neutral",
    "02": "Calm",
    "03": "Happiness",
    "04": "Sadness",
    "05": "Anger",
    "06": "Fear",
    "07": "Disgust",
    "08": "Surprise",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {"all": with_total({name: 96 if name == "Neutral" else 192 for name in EXPRESSIONS})}
SPOKEN = "01"
FULLEST = ("01", "03", "02")
"""Modalities in the order of preference."""
_NAME = re.compile(r"(?P<modality>0[1-3])-(?P<take>(?P<channel>0[12])-(?P<code>\d\d)-\d\d-\d\d-\d\d-(?P<actor>\d\d))")


def read_ravdess(root: Path) -> Corpus:
    """Read the spoken takes; raises `CorpusError`."""
    takes: dict[str, tuple[int, Acted]] = {}
    with Findings("ravdess", root) as found:
        for path in found.files("**/Actor_*/*", RECORDINGS):
            name = found.named(path, _NAME, "03-01-06-01-02-01-12.wav")
            if name is None or name["channel"] != SPOKEN:
                continue
            expression = found.one_of(name["code"], CODES, f"{path.name}: the third number")
            if path.parent.name != f"Actor_{name['actor']}":
                found.problems.append(f"{path.name} is by actor {name['actor']}, but lies in {path.parent.name}")
            rank = FULLEST.index(name["modality"])
            if expression and rank < takes.get(name["take"], (len(FULLEST),))[0]:
                takes[name["take"]] = rank, Acted(name["take"], path, name["actor"], expression)
    clips = split_clips([take for _, take in takes.values()], EXPRESSIONS)
    return Corpus("ravdess", clips, LICENCE, CITATION, expressions=EXPRESSIONS, counts=COUNTS)
