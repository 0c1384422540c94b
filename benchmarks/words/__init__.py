"""Word error rate: edits of words that turn what was recognised into what was said, for every word that was said.

    word_error_rate([("bin blue at f two now", "Bin blue at F2, now.")])        # 0.0

Both sides are made alike first: lower case, no punctuation, numbers as words. Utterances are pooled: long ones count
for more than short ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))
LARGEST = 1_000_000_000
"""A number from here on is read digit by digit."""


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the pooled word error rate of pairs (said, recognised); there must be a word in what was said."""
    texts = [(words(said), words(recognised)) for said, recognised in pairs]
    return sum(edits(said, recognised) for said, recognised in texts) / sum(len(said) for said, _ in texts)


def words(text: str) -> list[str]:
    """Return the words of a text: `It's 9:30, B2!` is `its nine thirty b two`."""
    plain = re.sub(r"(?<=\d),(?=\d{3})|['’]", "", text.lower())
    pieces = re.findall(r"\d+|[^\W\d_]+", plain)
    return list(chain.from_iterable(_spell(piece) if piece.isdecimal() else [piece] for piece in pieces))


def edits(said: Sequence[str], recognised: Sequence[str]) -> int:
    """Return the least number of words to put in, leave out or exchange (Levenshtein, 1966)."""
    row = list(range(len(recognised) + 1))
    for count, word in enumerate(said, 1):
        before, row = row, [count]
        for place, other in enumerate(recognised):
            row.append(min(row[-1] + 1, before[place + 1] + 1, before[place] + (word != other)))
    return row[-1]


def _spell(digits: str) -> list[str]:
    """Say a number as one does, one with a leading zero or a very large one digit by digit."""
    number = int(digits)
    if number >= LARGEST or (digits.startswith("0") and len(digits) > 1):
        return [ONES[int(digit)] for digit in digits]
    return _count(number) or [ONES[0]]


def _count(number: int) -> list[str]:
    """Say a number; nothing for zero."""
    for scale, name in SCALES:
        if number >= scale:
            return [*_count(number // scale), name, *_count(number % scale)]
    if number >= 20:
        return [TENS[number // 10], *_count(number % 10)]
    return [ONES[number]] if number else []
