"""What a recogniser makes of an utterance, and where its words lie: where it heard them, or laid over the speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from modalities.types import SECOND, Microseconds, Times, Word


@dataclass(frozen=True, slots=True)
class Heard:
    """A word, how sure it is in (0, 1], and when it was heard in seconds of the sound given; `timing` as in `Word`."""

    text: str
    confidence: float
    when: tuple[float, float] | None = None  # start and end, where the recogniser gives them: for all words or none
    timing: Literal["aligned", "estimated"] = "estimated"


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was understood. `doubt`: in the recogniser's own unit, that of its setting `most_doubt`."""

    words: tuple[Heard, ...]
    doubt: float
    finished: bool = True  # False where it did not come to an end: it repeats itself, or makes things up


NOTHING = Recognition((), 0.0)


def lay(words: Sequence[tuple[str, float]], spans: Times) -> tuple[Word, ...]:
    """Lay words with their confidences over spans of speech [N, 2], each as long as its letters and a gap."""
    spoken = np.cumsum([0, *(spans[:, 1] - spans[:, 0])])
    share = np.cumsum([0, *(len(text) + 1 for text, _ in words)])
    edges = share * spoken[-1] // share[-1]
    # A word that begins where a span ends begins with the next span.
    first = np.searchsorted(spoken[:-1], edges[:-1], side="right") - 1
    last = np.searchsorted(spoken[:-1], edges[1:], side="left") - 1
    starts, ends = spans[first, 0] + edges[:-1] - spoken[first], spans[last, 0] + edges[1:] - spoken[last]
    return tuple(
        Word(text, start, end, confidence, "estimated")
        for (text, confidence), start, end in zip(words, starts.tolist(), ends.tolist(), strict=True)
    )


def place(words: Sequence[Heard], origin: Microseconds, first: Microseconds, last: Microseconds) -> tuple[Word, ...]:
    """Give words that were heard their times in a clip where their sound begins at `origin`: apart, in [first, last].

    A network may hear a word a little before the speech began, or two at once: none begins before `first`, for what
    is earlier was said to be complete, and each lasts at least a microsecond.
    """
    rank = np.arange(len(words))
    seconds = np.array([word.when for word in words], np.float64).reshape(-1, 2)
    times = origin + np.round(seconds * SECOND).astype(np.int64)
    starts = np.maximum.accumulate(np.maximum(times[:, 0], first) - rank) + rank
    starts = np.minimum(starts, last - len(words) + rank)
    ends = np.clip(times[:, 1], starts + 1, np.append(starts[1:], last))
    return tuple(
        Word(word.text, start, end, word.confidence, word.timing)
        for word, start, end in zip(words, starts.tolist(), ends.tolist(), strict=True)
    )


def groups(begins: Sequence[bool]) -> list[slice]:
    """Group tokens into words: one begins at the first token and wherever `begins` says so."""
    starts = [index for index, new in enumerate(begins) if new or index == 0]
    return [slice(start, end) for start, end in pairwise([*starts, len(begins)])]


def speakable(text: str) -> bool:
    """Whether a piece of writing has a letter or a digit: a mark alone is no word."""
    return any(map(str.isalnum, text))
