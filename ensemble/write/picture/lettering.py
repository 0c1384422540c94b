"""What is written in a picture: times, text that the font can draw, and words that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, findfont, get_font

LETTER = 6.6
"""Width of a letter in pixels, at nine points and 100 dots per inch."""


def clock(time: float, *, exact: bool = False) -> str:
    """Say seconds as 7.5, or from a minute on as 1:07."""
    if abs(time) < 60:
        return f"{time:.2f} s" if exact else f"{time:g}"
    whole = round(time)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def legible(text: str, most: int = 90) -> str:
    """Put □ for what the font cannot draw, and an ellipsis for the middle of what is too long."""
    font = get_font(findfont(FontProperties()))
    drawn = "".join(letter if font.get_char_index(ord(letter)) else "□" for letter in text)
    return drawn if len(drawn) <= most else f"{drawn[: most // 2]}…{drawn[-most // 2 :]}"


def lanes(words: Sequence[tuple[float, str]], count: int, width: float) -> list[tuple[int, float] | None]:
    """Place words (left edge in pixels, text): the first lane with room and the left edge; `None` where none has.

    A word that would reach over the right edge is moved to the left.
    """
    free = [0.0] * count
    placed: list[tuple[int, float] | None] = []
    for wanted, text in words:
        length = LETTER * (len(text) + 1)
        left = max(0.0, min(wanted, width - length))
        lane = next((number for number, edge in enumerate(free) if edge <= left), None)
        if lane is not None:
            free[lane] = left + length
        placed.append(None if lane is None else (lane, left))
    return placed
