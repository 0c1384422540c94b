"""What an encoder is: it turns something perceived into vectors, without labels and without memory."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar

from modalities.part import Part
from modalities.types import Array, Times

Input = TypeVar("Input")


class Encoder(Part, Generic[Input]):
    """Real, tiny or embedded: all stand in one catalog and answer alike."""

    kind: ClassVar[str]
    """Which modality can use it: `face`, `picture`, `sound` or `text`."""

    @property
    @abstractmethod
    def width(self) -> int:
        """E, the length of each vector; where it is always the same, a constant of the class."""

    @abstractmethod
    def encode(self, inputs: Input) -> Array:
        """Return vectors; the modality's page says of what."""


class SoundEncoder(Encoder[Array]):
    """Sound → steps. `encode` takes samples [N] (16 kHz, float32) and returns steps [T, E]."""

    kind = "sound"

    @abstractmethod
    def times(self, steps: int) -> Times:
        """Return the middle of each step [T] in microseconds after the sound's start."""
