"""Audio: how somebody speaks. Absent where nobody does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np

from modalities.config import Uniform
from modalities.encoders.encoder import SoundEncoder
from modalities.modality import Modality
from modalities.types import Array, Encoding, Percept, Segment, Speech, Times, Waveform


class Audio(Modality):
    """The encoder's steps over a segment's sound."""

    name: ClassVar[str] = "audio"
    about: ClassVar[Literal["track", "clip"]] = "clip"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"waveform": Waveform, "speech": Speech}

    class Config(Modality.Config):
        """The gate: the share of a segment in which somebody must speak."""

        encoder: dict[str, Any] = {"kind": "moonshine"}
        speech: str = "speech"
        gate: Annotated[float, Uniform(0.0, 0.5)] = 0.1

    config: Config
    encoder: SoundEncoder

    @property
    def needs(self) -> Mapping[str, str]:
        """The waveform, and where somebody speaks in it."""
        return {"waveform": "waveform", "speech": self.config.speech}

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Steps [S, T, E] of the encoder; none where the speech does not pass the gate."""
        waveform, speech = cast(Waveform, percepts["waveform"]), cast(Speech, percepts["speech"])
        nothing = np.zeros((0, self.encoder.width), np.float32)
        steps: list[Array] = []
        times: list[Times] = []
        for segment in segments:
            sound = waveform.cut(segment.start, segment.end)
            heard = len(sound) and speech.share(segment.start, segment.end) >= max(self.config.gate, 1e-9)
            steps.append(self.encoder.encode(sound) if heard else nothing)
            times.append(segment.start + self.encoder.times(len(steps[-1])))
        return Encoding.of(segments, steps, times, like=nothing)
