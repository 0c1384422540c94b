"""Text: what is said. A segment's words are one step; absent where nothing was understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np

from modalities.modality import Modality
from modalities.types import Encoding, Percept, Segment, Transcript


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
        """Steps [S, 1, E]; masked where there are no words."""
        transcript = cast(Transcript, percepts["transcript"])
        texts = [transcript.text(segment.start, segment.end) for segment in segments]
        spoken = np.array([bool(text) for text in texts], np.bool_)
        steps_S1E = np.zeros((len(segments), 1, self.encoder.width), np.float32)
        if spoken.any():
            steps_S1E[spoken, 0] = self.encoder.encode([text for text in texts if text])
        middles = np.array([segment.middle for segment in segments], np.int64)
        return Encoding(tuple(segments), steps_S1E, spoken[:, None], middles[:, None])
