"""MELD: 1,433 dialogues of a television series, cut into utterances, each with what is said and one of seven emotions.

The words of the script are brought as a transcript (instance `transcript`) whose times are estimated: each word is as
long as its letters. Where the films were unpacked, a clip is one of them; otherwise it is its words alone, as long as
the table says. Broken in the published files, and mended here: characters of Windows-1252 in what else is UTF-8, a few
utterances without length or of minutes, two utterances without a film (`LOST`), and eleven utterances that stand there
twice under other dialogues; those are read once, rather in test than in dev and rather in dev than in train.

The same characters speak in all splits, by design. So a subject is a dialogue, never a speaker.

    <root>/train_sent_emo.csv, dev_…, test_… (or one folder deeper, in train, dev, test)
    <root>/train_splits/dia0_utt0.mp4, dev_splits_complete/…, output_repeated_splits_test/… (likewise)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modalities.cues.transcript.recognition import lay
from modalities.types import FOREVER, SECOND, Microseconds, Transcript
from tuning.corpora.corpus import SPLITS, Corpus, LabelledClip, Split
from tuning.corpora.reading import Findings
from tuning.corpora.whole import WHOLE, row, with_total

LICENCE = "annotations GPL-3.0; the series' pictures, sound and words belong to Warner Bros."
CITATION = "Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL 2019"
CODES = {
    "neutral": "Neutral",
    "anger": "Anger",
    "disgust": "Disgust",
    "fear": "Fear",
    "joy": "Happiness",
    "sadness": "Sadness",
    "surprise": "Surprise",
}
EXPRESSIONS = tuple(CODES.values())
COUNTS = {
    "train": with_total(dict(zip(EXPRESSIONS, (4710, 1109, 271, 268, 1743, 683, 1205), strict=True))),
    "dev": with_total(dict(zip(EXPRESSIONS, (470, 153, 22, 40, 163, 111, 150), strict=True))),
    "test": with_total(dict(zip(EXPRESSIONS, (1256, 345, 68, 50, 402, 208, 281), strict=True))),
}
FILMS: Mapping[Split, str] = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
LOST = ("train_dia125_utt3", "dev_dia110_utt7")
"""Utterances whose film the authors lost."""
PUBLISHED = ("Utterance", "Speaker", "Season", "Episode", "StartTime", "EndTime")
COLUMNS = (*PUBLISHED, "Emotion", "Dialogue_ID", "Utterance_ID")
LEAST, MOST = SECOND // 10, 60 * SECOND
"""Lengths of an utterance that are believed; another is that of its words."""
WORD: Microseconds = 400_000
"""How long a word takes where nothing says so."""
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_TIME = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3})")


def read_meld(root: Path) -> Corpus:
    """Read the three splits; raises `CorpusError`."""
    clips: list[LabelledClip] = []
    with Findings("meld", root) as found:
        for split in reversed(SPLITS):
            table = _place(root, split, f"{split}_sent_emo.csv")
            rows = found.table(table, COLUMNS, dtype=str, keep_default_na=False, encoding=_encoding(table))
            clips += [clip for line in rows.to_dict("records") if (clip := _clip(found, split, line))]
    return Corpus(
        "meld",
        tuple(clips),
        LICENCE,
        CITATION,
        expressions=EXPRESSIONS,
        counts=COUNTS,
        duplicates=found.duplicates,
    )


def _clip(found: Findings, split: Split, line: Mapping[Any, str]) -> LabelledClip | None:
    dialogue, utterance = f"{split}_dia{line['Dialogue_ID']}", f"dia{line['Dialogue_ID']}_utt{line['Utterance_ID']}"
    name = f"{split}_{utterance}"
    expression = found.one_of(line["Emotion"], CODES, f"{split}_sent_emo.csv: {utterance}: the emotion")
    if expression is None or found.twice("\0".join(line[column] for column in PUBLISHED).encode()):
        return None
    words = line["Utterance"].translate(WINDOWS).split()
    end = _length(line, len(words))
    said = lay([(word, 1.0) for word in words], np.array([[0, end]], np.int64)) if words else ()
    folder = _place(found.root, split, FILMS[split])
    there = folder.is_dir() and name not in LOST
    path = found.recording(folder / utterance, f"{split}_sent_emo.csv tells of it") if there else None
    return LabelledClip(
        name,
        path,
        dialogue,
        split,
        WHOLE,
        {"expression": row(expression, EXPRESSIONS)},
        brought={"transcript": Transcript(said, FOREVER)},
        end=end,
    )


def _place(root: Path, split: Split, name: str) -> Path:
    """Where a file or folder lies: in the root, or in the split's own folder."""
    deeper = root / split / name
    return deeper if deeper.exists() else root / name


def _encoding(table: Path) -> str:
    try:
        table.read_text("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    except OSError:
        return "utf-8"  # a missing table is told of where it is read
    return "utf-8"


def _length(line: Mapping[Any, str], words: int) -> Microseconds:
    start, end = _TIME.fullmatch(line["StartTime"].strip()), _TIME.fullmatch(line["EndTime"].strip())
    length = _time(end) - _time(start) if start and end else 0
    return length if LEAST <= length <= MOST else max(1, words) * WORD


def _time(text: re.Match[str]) -> Microseconds:
    hours, minutes, seconds, thousandths = map(int, text.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * SECOND + thousandths * 1000
