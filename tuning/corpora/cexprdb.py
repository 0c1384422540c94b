"""C-EXPR-DB: 56 videos of the compound expression challenge, whose frames show one of seven compounds.

The labels are not public: what is read is the user's own list of frames, in the form of the challenge's submission,
with labels where there are any. Then it is a test split with labels, otherwise one without. (The example file of the
6th challenge is filled with random classes; those are no labels.)

    <root>/<list>.txt or .csv     image_location,Fearfully_Surprised,Happily_Surprised,…     the header
                                  01/00001.jpg,3       the place of the class in the header, counted from 0
                                  01/00002.jpg,        not labelled, or none of the seven; -1 says the same
    <root>/videos/**/01.mp4

A subject is a video.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modalities.labels import ABAW_PAIRS
from modalities.types import Scores
from tuning.corpora.corpus import Corpus, LabelledClip, one_hot
from tuning.corpora.labelling import AtFrames
from tuning.corpora.reading import RECORDINGS, Findings

LICENCE = "for research only, by agreement with the authors (ABAW challenges)"
CITATION = "Kollias, Multi-Label Compound Expression Recognition: C-EXPR Database & Network, CVPR 2023"
COUNTS = {"test": {"clips": 56, "rows": 26_145, "segments": 449}}
"""Videos and segments: RAS §4.1; frames: the challenge's list."""
NAMES = tuple(name.replace(" ", "_") for name in ABAW_PAIRS)
HEADER = ",".join(["image_location", *NAMES])
_LINE = re.compile(r"(?P<video>[^/,]+)/(?P<number>0*[1-9]\d*)\.\w+(?:,(?P<label>[^,]*),*)?")


def read_cexprdb(root: Path) -> Corpus:
    """Read the videos of the one list of frames; raises `CorpusError`."""
    clips: list[LabelledClip] = []
    with Findings("cexprdb", root) as found:
        films = {path.stem: path for path in reversed(found.files("videos/**/*", RECORDINGS))}
        listed = _listed(found)
        labelled = any(label >= 0 for frames in listed.values() for label in frames.values())
        for video, frames in sorted(listed.items()):
            if video in films:
                clips.append(_clip(video, films[video], frames, labels=labelled))
            elif films:
                found.problems.append(f"videos/**/{video}.mp4 is missing, but its frames are listed")
    return Corpus("cexprdb", tuple(clips), LICENCE, CITATION, counts=COUNTS, duplicates=found.duplicates)


def _listed(found: Findings) -> dict[str, dict[int, int]]:
    """Return video → frame (from 0) → class."""
    lists = found.files("*", (".txt", ".csv"))
    if len(lists) > 1:
        names = ", ".join(path.name for path in lists)
        found.problems.append(f"there are several lists in {found.root} ({names}); leave the one that is meant")
    if len(lists) != 1:
        return {}
    before, lines = len(found.problems), [word for line in found.lines(lists[0]) for word in line.split()]
    if len(found.problems) > before:
        return {}
    header = lines.pop(0) if lines else ""
    first, *columns = header.split(",")
    if first != "image_location" or set(columns) != set(NAMES):
        found.problems.append(f"{lists[0].name} begins with {header!r}, but must begin with {HEADER!r}")
        return {}
    classes = {"-1": -1, **{str(place): NAMES.index(name) for place, name in enumerate(columns)}}
    return _frames(found, lists[0].name, lines, classes)


def _frames(found: Findings, name: str, lines: Sequence[str], classes: Mapping[str, int]) -> dict[str, dict[int, int]]:
    listed: dict[str, dict[int, int]] = {}
    for place, line in enumerate(lines, 2):
        match = _LINE.fullmatch(line)
        if match is None:
            found.problems.append(f"{name}, line {place} is {line!r}, but must be like 01/00001.jpg,3")
            continue
        label = found.one_of(match["label"] or "-1", classes, f"{name}, line {place}: the class")
        frames, frame = listed.setdefault(match["video"], {}), int(match["number"]) - 1
        if label is None:
            continue
        if frames.setdefault(frame, label) != label:
            found.problems.append(f"{name}, line {place}: {match['video']}/{match['number']} has another class above")
    found.duplicates += len(lines) - sum(map(len, listed.values()))
    return listed


def _clip(name: str, path: Path, frames: Mapping[int, int], *, labels: bool) -> LabelledClip:
    numbers = np.array(sorted(frames), np.int64)
    rows: dict[str, Scores] = {}
    if labels:
        rows["compound"] = one_hot(np.array([frames[number] for number in numbers.tolist()], np.int64), len(NAMES))
    return LabelledClip(name, path, name, "test", AtFrames(numbers), rows)
