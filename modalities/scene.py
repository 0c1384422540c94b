"""Scene: what a caption tells of a segment (RAS §3.2); absent where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from modalities.modality import Modality
from modalities.types import Captions, Encoding, Percept, Segment
from modalities.words import encode_texts


class Scene(Modality):
    """The encoder's vector of the captions that lie inside the segment."""

    name: ClassVar[str] = "scene"
    about: ClassVar[Literal["track", "clip"]] = "clip"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"caption": Captions}

    class Config(Modality.Config):
        """Which cue writes the captions."""

        encoder: dict[str, Any] = {"kind": "minilm"}
        caption: str = "caption"

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Captions."""
        return {"caption": self.config.caption}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Steps [S, T, E]: one per segment, or per token; masked where there is no caption."""
        captions = cast(Captions, percepts["caption"])
        texts = [captions.text(segment.start, segment.end) for segment in segments]
        return encode_texts(self.encoder, segments, texts)
