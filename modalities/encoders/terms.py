"""Terms: the words and the pairs of neighbours of a text, as ids; for long texts such as captions.

A word after a negation is another word up to the end of its clause (Das and Chen, "Yahoo! for Amazon", 2001): captions
list what they do not see. An id is a hash of the term so long that no two terms share one. Which of them are common,
and what they mean, is learnt by the head that stands on them (`lexicon`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.encoders.encoder import Encoder

SENTENCE = re.compile(r"(?<=[.!?])\s+")
CLAUSE = re.compile(r"[;:]|,(?!\s+(?:or\b|and\b|\w+(?:,|\s+(?:or|and)\b)))|\b(?:but|however)\b")
"""What ends a clause: not the comma of a list, which goes on with one word or with "or"."""
WORD = re.compile(r"\b\w\w+\b")
NEGATIONS = frozenset(
    ("no", "not", "nor", "never", "neither", "none", "without", "lack", "lacks", "lacking", "absence", "isn", "doesn",
     "don")
)  # fmt: skip
NOT = "not_"


class Terms(Encoder[Sequence[str]]):
    """Ids of words, and of pairs of neighbours in a sentence: a step for each time that one is said."""

    name: ClassVar[str] = "terms"
    kind: ClassVar[str] = "text"
    width: int = 1

    def encode(self, inputs: Sequence[str]) -> list[NDArray[np.int64]]:  # type: ignore[override]  # texts differ in length
        """Turn each text into its ids [T, 1], 0 and above."""
        return [ids((*words(text), *pairs(text))) for text in inputs]


def ids(terms: Sequence[str]) -> NDArray[np.int64]:
    """Return the ids of terms [T, 1]: 63 bits of a hash that is the same everywhere."""
    digests = b"".join(blake2b(term.encode(), digest_size=8).digest() for term in terms)
    found: NDArray[np.int64] = (np.frombuffer(digests, "<u8") >> 1).astype(np.int64)[:, None]
    return found


def sentences(text: str) -> Iterator[list[str]]:
    """Return the words of each sentence; those after a negation are marked."""
    for sentence in SENTENCE.split(text.lower()):
        yield [word for clause in CLAUSE.split(sentence) for word in _marked(WORD.findall(clause))]


def words(text: str) -> list[str]:
    """Return all words of a text."""
    return [word for sentence in sentences(text) for word in sentence]


def pairs(text: str) -> list[str]:
    """Return the pairs of each sentence's neighbours."""
    return [f"{one} {other}" for sentence in sentences(text) for one, other in pairwise(sentence)]


def _marked(clause: list[str]) -> Iterator[str]:
    """Mark the words after a negation."""
    negated = False
    for word in clause:
        yield f"{NOT}{word}" if negated else word
        negated = negated or word in NEGATIONS
