"""Stated: the label that a caption itself names, as RAS's second prompt asks for one; no network, nothing learned.

Over these vectors a head learns how far to believe what is stated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.encoders.encoder import Encoder
from modalities.labels import ABAW_PAIRS

COMPOUND = tuple(ABAW_PAIRS)
BASIC = ("Joy", "Sadness", "Anger", "Fear", "Disgust", "Surprise", "Neutral")
NAMES = COMPOUND + BASIC
"""What the prompt allows, in its order; Joy is Happiness."""
_OTHERWISE = {"happiness": "joy"}
_MENTION = re.compile(rf"\b(?:{'|'.join([*NAMES, *_OTHERWISE])})\b", re.IGNORECASE)
_MARKS = " \n\t.:;,!*\"'()"


class Stated(Encoder[Sequence[str]]):
    """One share for each of fourteen names: of a label at the very end, else of compounds, else of basic names."""

    name: ClassVar[str] = "stated"
    kind: ClassVar[str] = "text"
    width: int = len(NAMES)

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, 14] that sum to one, or are zero where no label is named."""
        vectors = np.zeros((len(inputs), self.width), np.float32)
        for row, text in enumerate(inputs):
            if named := stated(text):
                vectors[row, [NAMES.index(name) for name in named]] = 1 / len(named)
        return vectors


def stated(text: str) -> tuple[str, ...]:
    """Return the names that a text states, in the order of `NAMES`.

    A sentence of its own at the end that is nothing but a label is the answer. Otherwise a compound says more than the
    basic names that explain it. Names count as whole words in any case: a small model hardly writes them as asked.
    """
    last = re.split(r"[.:\n]\s", text.rstrip(_MARKS))[-1]
    named = _names(last) if _MENTION.fullmatch(last.strip(_MARKS)) else _names(text)
    return tuple(name for name in COMPOUND if name in named) or tuple(name for name in BASIC if name in named)


def _names(text: str) -> set[str]:
    known = {name.lower(): name for name in NAMES}
    found = (mention.lower() for mention in _MENTION.findall(text))
    return {known[_OTHERWISE.get(name, name)] for name in found}
