"""Text: what is said. A segment's words are one step; absent where nothing was understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from modalities.modality import Modality
from modalities.types import Encoding, Percept, Segment, Transcript
from modalities.words import encode_texts


class Text(Modality):
    """The encoder's vector of the words whose midpoint lies in the segment."""

    name: ClassVar[str] = "text"
    about: ClassVar[Literal["track", "clip"]] = "clip"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"transcript": Transcript}

    class Config(Modality.Config):
        """Which cue hears the words."""

        encoder: dict[str, Any] = {"kind": "minilm"}
        transcript: str = "transcript"

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """A transcript."""
        return {"transcript": self.config.transcript}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Steps [S, T, E]: one per segment, or per token; masked where there are no words."""
        transcript = cast(Transcript, percepts["transcript"])
        texts = [transcript.text(segment.start, segment.end) for segment in segments]
        return encode_texts(self.encoder, segments, texts)
