"""IEMOCAP: ten actors in five pairs, in improvised and scripted scenes of about five minutes, cut into utterances.

Each utterance has the class on which most of three annotators agree (`xxx`: none, so it is not labelled), and valence
and arousal as their mean on a scale from 1 to 5, which becomes −1 to 1 (a mean up to half a point outside the scale is
believed, and cut). Hardly any paper uses all ten classes: `iemocap4` has Neutral, Anger, Happiness together with
Excitement, and Sadness; `iemocap5` also Frustration; `iemocap6` these five with Excitement apart. They leave out the
utterances of other classes. There are no official splits; ours are by session, because two actors share each.

    <root>/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt
    <root>/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from modalities.types import Scores
from tuning.corpora.corpus import Corpus, LabelledClip, Split
from tuning.corpora.reading import Findings, split_by_subject
from tuning.corpora.whole import WHOLE, row

LICENCE = "for research only, by agreement with the University of Southern California"
CITATION = "Busso et al., IEMOCAP: interactive emotional dyadic motion capture database, LREC 42 (2008)"
TEN = {
    "neu": "Neutral",
    "ang": "Anger",
    "dis": "Disgust",
    "fea": "Fear",
    "hap": "Happiness",
    "sad": "Sadness",
    "sur": "Surprise",
    "exc": "Excitement",
    "fru": "Frustration",
    "oth": "Other",
}
FOUR = {"neu": "Neutral", "ang": "Anger", "hap": "Happiness", "exc": "Happiness", "sad": "Sadness"}
FIVE = {**FOUR, "fru": "Frustration"}
SIX = {**FIVE, "exc": "Excitement"}
UNDECIDED = "xxx"
OFFICIAL = {
    "neu": 1708, "ang": 1103, "dis": 2, "fea": 40, "hap": 595, "sad": 1084, "sur": 107, "exc": 1041, "fru": 1849,
    "oth": 3, UNDECIDED: 2507,
}  # fmt: skip
HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
_LINE = re.compile(
    r"\[[\d.]+ - [\d.]+\]\t(?P<turn>\w+)\t(?P<code>\w+)\t\[(?P<va>\d+(\.\d+)?, \d+(\.\d+)?), [\d.]+\]\s*"
)
_TURN = re.compile(r"(?P<dialog>(?P<session>Ses0(?P<number>\d))[FM]_\w+)_(?P<speaker>[FM])\w+")


def read_iemocap(root: Path) -> Corpus:
    """Read all utterances with ten classes, undecided ones without; raises `CorpusError`."""
    return _read("iemocap", root, TEN)


def read_iemocap4(root: Path) -> Corpus:
    """Read the utterances of the four classes of most papers; raises `CorpusError`."""
    return _read("iemocap4", root, FOUR)


def read_iemocap5(root: Path) -> Corpus:
    """Read the utterances of four classes and Frustration; raises `CorpusError`."""
    return _read("iemocap5", root, FIVE)


def read_iemocap6(root: Path) -> Corpus:
    """Read the utterances of six classes; raises `CorpusError`."""
    return _read("iemocap6", root, SIX)


def _read(name: str, root: Path, classes: Mapping[str, str]) -> Corpus:
    expressions = tuple(dict.fromkeys(classes.values()))
    kept = {*classes, UNDECIDED} if classes is TEN else set(classes)
    clips: list[LabelledClip] = []
    with Findings(name, root) as found:
        tables = found.files("Session*/dialog/EmoEvaluation/*.txt")
        sides = split_by_subject(_session(table).name for table in tables)
        for table in tables:
            split = sides[_session(table).name]
            for line in _lines(found, table):
                if line["code"] in kept and (clip := _clip(found, table, line, split)):
                    label = row(classes.get(line["code"]), expressions)
                    clips.append(replace(clip, labels={"expression": label, **clip.labels}))
    return Corpus(name, tuple(clips), LICENCE, CITATION, expressions=expressions, counts={"all": _counts(classes)})


def _session(table: Path) -> Path:
    return table.parents[2]


def _lines(found: Findings, table: Path) -> Iterator[re.Match[str]]:
    """The lines of a table that tell of an utterance; below each stands what every annotator said."""
    lines = table.read_text(errors="replace").splitlines()
    if not lines or lines[0].strip() != HEADER:
        found.problems.append(f"{table.name} begins with {lines[:1]}, but must begin with {HEADER!r}")
        return
    for number, text in enumerate(lines, 1):
        if not text.startswith("["):
            continue
        line = _LINE.fullmatch(text)
        if line is None:
            found.problems.append(f"{table.name}, line {number} is {text!r}, but must be {HEADER[2:]!r} with tabs")
        elif found.one_of(line["code"], {**TEN, UNDECIDED: UNDECIDED}, f"{table.name}, line {number}: the class"):
            yield line


def _clip(found: Findings, table: Path, line: re.Match[str], split: Split) -> LabelledClip | None:
    """Make the clip of an utterance, without its class."""
    turn = _TURN.fullmatch(line["turn"])
    if turn is None:
        found.problems.append(f"{table.name}: {line['turn']} is not named like Ses01F_impro01_F000")
        return None
    if (folder := _session(table).name) != f"Session{turn['number']}":
        found.problems.append(
            f"{folder}/…/{table.name}: {line['turn']} is of session {turn['number']}, but lies in {folder}; put it "
            "back, for splits are by session"
        )
        return None
    path = found.recording(
        _session(table) / "sentences/wav" / turn["dialog"] / line["turn"], f"{table.name} tells of it"
    )
    means = [float(value) for value in line["va"].split(",")]
    if not all(0.5 <= mean <= 5.5 for mean in means):
        found.problems.append(f"{table.name}: {line['turn']} has valence and arousal {means}, but they lie in 1 to 5")
    if path is None:
        return None
    va: Scores = np.clip((np.array([means], np.float32) - 3) / 2, -1, 1)
    subject = turn["session"] + turn["speaker"]
    return LabelledClip(line["turn"], path, subject, split, WHOLE, {"valence_arousal": va})


def _counts(classes: Mapping[str, str]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for code, name in classes.items():
        counts[name] = counts.get(name, 0) + OFFICIAL[code]
    counts["clips"] = sum(counts.values()) + (OFFICIAL[UNDECIDED] if classes is TEN else 0)
    return counts
