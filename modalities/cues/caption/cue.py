"""What every cue of captions is: once a segment has closed, a sentence or some about it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from modalities.config import Config
from modalities.cues.cue import Cue
from modalities.grid import Grid
from modalities.types import Caption, Captions, Percept, Segment


class CaptionCue(Cue):
    """Writes captions. One that has nothing to say about a segment leaves it without a caption."""

    gives: ClassVar[type[Percept]] = Captions

    class Config(Config):
        """Which segments are told of."""

        grid: Grid = Grid()  # 4 s every 2 s: one caption per segment (RAS §3.2)

    config: Config

    @property
    def grid(self) -> Grid:
        """The segments that get a caption each."""
        return self.config.grid

    @abstractmethod
    def describe(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> list[str]:
        """Return a text for each segment, empty where there is nothing to tell; each depends on its own alone."""

    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],
        memory: None,  # a caption is about its segment alone
    ) -> tuple[Captions, None]:
        """Describe the segments that have just closed."""
        texts = self.describe(percepts, segments) if segments else []
        told = tuple(Caption(text, s.start, s.end) for s, text in zip(segments, texts, strict=True) if text)
        return Captions(told, min(percept.until for percept in percepts.values())), memory
