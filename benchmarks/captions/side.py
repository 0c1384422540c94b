"""What is read: the segments of a split as one model's captions by one prompt show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from ensemble.plan import Plan
from modalities.grid import Grid
from modalities.labels import ABAW_PAIRS, EXPRESSION
from modalities.types import Array, Captions, Encoding, Scores
from tuning.catalog import read_corpus
from tuning.corpora.corpus import Split
from tuning.encodings import impress
from tuning.fit import Held

CLASSES = EXPRESSION.labels.names[:7]
PAIRS = [(CLASSES.index(one), CLASSES.index(other)) for one, other in ABAW_PAIRS.values()]
MODELS, READERS = ("3B", "7B", "32B"), {"1": "ras_captions", "2": "ras_captions_2"}
MEMBERS = tuple(f"{model}_{prompt}" for model in MODELS for prompt in READERS)
STEP = Grid().span(1)[0]
Place = tuple[str, int]
"""A clip, and the number of a segment in it."""


def folder_of(corpus: Path, member: str) -> Path:
    """Where the tables lie that a member reads."""
    return corpus / f"Qwen2.5-VL-{member.partition('_')[0]}-Instruct"


@dataclass(frozen=True, slots=True)
class Side:
    """Segments in the order of clips and numbers."""

    encoding: Encoding
    texts: tuple[str, ...]
    places: tuple[Place, ...]
    targets: Scores  # [S, C], NaN where there are no labels

    @classmethod
    def read(cls, plan: Plan, corpus: Path, member: str, split: Split) -> Side:
        """Read a table of a corpus, and encode it."""
        encodings, texts, places, targets = list[Encoding](), list[str](), list[Place](), list[Scores]()
        reader = READERS[member.partition("_")[2]]
        for clip in read_corpus(reader, folder_of(corpus, member)).split(split):
            impression = impress(plan, clip.footages())
            (encoding,) = impression.encodings.values()
            captions = cast(Captions, clip.brought["caption"])
            unknown = np.full((len(encoding.segments), len(CLASSES)), np.nan, np.float32)
            encodings.append(encoding)
            texts += [captions.text(segment.start, segment.end) for segment in encoding.segments]
            places += [(clip.name, segment.start // STEP) for segment in encoding.segments]
            targets.append(clip.targets(encoding.segments, impression.row_times).get("expression", unknown))
        return cls(Encoding.join(encodings), tuple(texts), tuple(places), np.concatenate(targets))

    @property
    def clips(self) -> Array:
        """Clip of each segment."""
        return np.array([name for name, _ in self.places])

    @property
    def truth(self) -> Array:
        """Class of each segment."""
        return np.asarray(self.targets.argmax(axis=1))


def rows_of(sides: Sequence[Side], index: Array) -> Held:
    """Put the same segments of several sides one after the other, as rows to learn from."""
    parts = [(side.encoding.take(index.tolist()), side.targets[index]) for side in sides]
    encoding, targets = Encoding.join(part for part, _ in parts), np.concatenate([rows for _, rows in parts])
    columns = {"steps": encoding.steps, "mask": encoding.mask, "times": encoding.times, "expression": targets}
    return Held({name: torch.from_numpy(column) for name, column in columns.items()}, ("expression",))
