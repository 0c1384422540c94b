"""Percepts made of text: the words that are said, and captions that tell what a segment shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from modalities.types.spans import Microseconds


@dataclass(frozen=True, slots=True)
class Word:
    """One word; `timing` says whether its times were aligned to the sound or estimated from the utterance's."""

    text: str
    start: Microseconds
    end: Microseconds
    confidence: float
    timing: Literal["aligned", "estimated"]

    @property
    def middle(self) -> Microseconds:
        """A word belongs to the segments that hold this."""
        return (self.start + self.end) // 2


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said, in order of time; empty where the recogniser was not sure or the language is not its own."""

    words: tuple[Word, ...]
    until: Microseconds

    @classmethod
    def nothing(cls, until: Microseconds) -> Self:
        """Return that no word was understood."""
        return cls((), until)

    def join(self, later: Transcript) -> Transcript:
        """Continue with later words."""
        return Transcript(self.words + later.words, later.until)

    def since(self, time: Microseconds) -> Transcript:
        """Keep words that end after `time`."""
        return Transcript(tuple(word for word in self.words if word.end > time), self.until)

    def text(self, start: Microseconds, end: Microseconds) -> str:
        """Return the words whose midpoint lies in a span."""
        return " ".join(word.text for word in self.words if start <= word.middle < end)


@dataclass(frozen=True, slots=True)
class Caption:
    """What a segment shows, in words."""

    text: str
    start: Microseconds
    end: Microseconds


@dataclass(frozen=True, slots=True)
class Captions:
    """What segments show, by their ends; complete up to `until`: every caption that ends by then is there."""

    captions: tuple[Caption, ...]
    until: Microseconds

    @classmethod
    def nothing(cls, until: Microseconds) -> Self:
        """Return that nothing was told."""
        return cls((), until)

    def join(self, later: Captions) -> Captions:
        """Continue with later captions."""
        return Captions(self.captions + later.captions, later.until)

    def since(self, time: Microseconds) -> Captions:
        """Keep captions that end after `time`."""
        return Captions(tuple(caption for caption in self.captions if caption.end > time), self.until)

    def text(self, start: Microseconds, end: Microseconds) -> str:
        """Return the captions that lie inside a span, so never one that tells of what came after it."""
        inside = (caption for caption in self.captions if start <= caption.start and caption.end <= end)
        return " ".join(caption.text for caption in inside)
