"""Scene captions that team RAS publishes: what Qwen2.5-VL says about each 4-second segment, and the segment's labels.

There is a folder per corpus (AFEW, AffWild2, C-EXPR-DB) and model, with tables for two prompts; `ras_captions` reads
those of the first, `ras_captions_2` of the second. The captions are brought (instance `caption`): no video is needed. A
row is a segment of the papers' grid, by the number at the end of its name:

    000046280___Angry_0000.avi    AFEW: a film's time, the expression (it reaches no clip's name), the number
    117___2038_2158_0034.avi      Aff-Wild2: a video, first and last frame, the number; soft labels, shares of frames
    01___0000.mp4                 C-EXPR-DB: a video, the number; no labels

    <root>/train_segment_with_text_1.csv, dev_…, test_… (also .csv.gz)
    video_name,text,Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other

A subject is a video (both people of it, for Aff-Wild2). In AFEW the numbers 001703120 and 005153760 stand in train and
in dev, as other expressions and other scenes: a time in two films, so its clips and subjects are called by split and
number. AFEW's column `Other` is the authors' placeholder and is left out: its own expressions are seven.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from modalities.grid import Grid
from modalities.labels import EXPRESSION
from modalities.types import FOREVER, Caption, Captions, Scores, Segment
from tuning.corpora.affwild2.terms import film_of
from tuning.corpora.corpus import SPLITS, Corpus, LabelledClip, Split
from tuning.corpora.labelling import OverSpans
from tuning.corpora.reading import Findings
from tuning.corpora.whole import with_total

LICENCE = "captions MIT (SMIL-SPCRAS/ICCVW_25); the videos have licences of their own"
CITATION = (
    "Ryumina et al., Team RAS in 9th ABAW Competition: Multimodal Compound Expression Recognition Approach, "
    "ICCV Workshops 2025"
)
NAMES = EXPRESSION.labels.names
BROUGHT = "caption"
_ROW = re.compile(
    r"(?P<video>.+?)___(?:(?P<expression>[A-Z][a-z]+)_|(?P<first>\d+)_(?P<last>\d+)_)?(?P<number>\d{4})\.\w+"
)
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class _Source:
    """What is known of the corpus that tables are about."""

    expressions: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]


def _segments(clips: int, numbers: tuple[int, ...]) -> dict[str, int]:
    classes = with_total(dict(zip(NAMES[:7], numbers, strict=True)))
    return {**classes, "rows": classes["clips"], "clips": clips}


SOURCES: Mapping[str, _Source] = {
    "AFEW": _Source(
        NAMES[:7],
        {
            "train": _segments(773, (156, 139, 89, 88, 164, 139, 80)),
            "dev": _segments(383, (71, 67, 44, 48, 70, 64, 47)),
        },
    ),
    "Aff-Wild2": _Source(NAMES, {"train": {"clips": 248, "rows": 15_158}, "dev": {"clips": 70, "rows": 6_450}}),
    "C-EXPR-DB": _Source(NAMES, {"test": {"clips": 56, "rows": 449}}),
}
"""Videos and segments: RAS §4.1; classes of AFEW: counted in the tables."""


@dataclass(frozen=True, slots=True)
class _Segment:
    source: str
    clip: str
    subject: str
    number: int
    text: str
    shares: Scores  # [8]


def read_ras_captions(root: Path) -> Corpus:
    """Read the captions of the first prompt; raises `CorpusError`."""
    return _read("ras_captions", root, prompt=1)


def read_ras_captions_2(root: Path) -> Corpus:
    """Read the captions of the second prompt, which asks for compounds by name; raises `CorpusError`."""
    return _read("ras_captions_2", root, prompt=2)


def _read(name: str, root: Path, prompt: int) -> Corpus:
    clips: list[LabelledClip] = []
    sources: set[str] = set()
    with Findings(name, root) as found:
        for path in _tables(found, prompt):
            split = found.one_of(path.name.partition("_")[0], {s: s for s in SPLITS}, f"{path.name}: the first word")
            rows = list(_rows(found, path, split)) if split else []
            sources |= {row.source for row in rows}
            clips += _clips(rows, split) if split else []
        if len(sources) > 1:
            found.problems.append(f"tables of {' and '.join(sorted(sources))} lie together; give a folder of one")
    source = SOURCES[sources.pop()] if sources else _Source(NAMES, {})
    return Corpus(
        name,
        tuple(clips),
        LICENCE,
        CITATION,
        expressions=source.expressions,
        counts={split: count for split, count in source.counts.items() if any(clip.split == split for clip in clips)},
        duplicates=found.duplicates,
    )


def _tables(found: Findings, prompt: int) -> list[Path]:
    """Return one table per split; plain rather than gzipped."""
    paths = found.files(f"*_segment_with_text_{prompt}.csv*", (".csv", ".gz"))
    return list({path.name.removesuffix(".gz"): path for path in reversed(paths)}.values())


def _rows(found: Findings, path: Path, split: Split) -> Iterator[_Segment]:
    table = found.table(path, ("video_name", "text", *NAMES), dtype={"video_name": str, "text": str})
    named: set[str] = set()
    shares = table[list(NAMES)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    written = table[list(NAMES)].notna().to_numpy()
    for place, (name, text) in enumerate(zip(table["video_name"], table["text"].fillna(""), strict=True)):
        where = f"{path.name}, row {place + 1} below the header"
        match = _ROW.fullmatch(str(name))
        if match is None:
            found.problems.append(f"{where}: video_name is {name!r}, but must be like 01___0000.mp4")
        elif name in named:
            found.duplicates += 1
        elif written[place].any() and not _is_distribution(shares[place, : 7 if match["expression"] else 8]):
            given = ", ".join(map(str, table.loc[place, list(NAMES)]))
            found.problems.append(f"{where}: the labels are {given}, but must be shares that sum to 1, or all empty")
        else:
            named.add(str(name))
            yield _segment(match, split, " ".join(text.split()), shares[place])


def _is_distribution(shares: Scores) -> bool:
    return bool(np.all(shares >= 0) and abs(float(shares.sum()) - 1) < _TOLERANCE)


def _segment(match: re.Match[str], split: Split, text: str, shares: Scores) -> _Segment:
    video, number = match["video"], int(match["number"])
    if match["expression"]:
        name = f"{split}_{video}"
        return _Segment("AFEW", name, name, number, text, shares)
    source = "Aff-Wild2" if match["first"] else "C-EXPR-DB"
    return _Segment(source, video, film_of(video), number, text, shares)


def _clips(rows: list[_Segment], split: Split) -> Iterator[LabelledClip]:
    by_clip: dict[str, list[_Segment]] = {}
    for row in rows:
        by_clip.setdefault(row.clip, []).append(row)
    for name, unsorted in by_clip.items():
        inside = sorted(unsorted, key=lambda row: row.number)
        spans = [Grid().span(row.number) for row in inside]
        captions = [Caption(row.text, *span) for row, span in zip(inside, spans, strict=True) if row.text]
        columns = len(SOURCES[inside[0].source].expressions)
        yield LabelledClip(
            name,
            None,
            inside[0].subject,
            split,
            OverSpans(np.array(spans, np.int64)),
            _labels(np.stack([row.shares[:columns] for row in inside])),
            brought={BROUGHT: Captions(tuple(captions), FOREVER)},
            segments=tuple(Segment(*span) for span in spans),
            end=spans[-1][1],
        )


def _labels(shares: Scores) -> dict[str, Scores]:
    return {} if np.isnan(shares).all() else {"expression": shares}
