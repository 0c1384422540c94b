"""WavLM: steps of sound from a transformer that learned from 94 000 hours of speech."""

from __future__ import annotations

from typing import ClassVar

from modalities.encoders.waves import Waves


class WavLM(Waves):
    """WavLM (Chen et al., 2022), by default the one of RAS: base-plus, adapted to speaker diarisation, E = 768."""

    name: ClassVar[str] = "wavlm"
    architecture: ClassVar[str] = "WavLM"

    class Config(Waves.Config):
        """Which WavLM."""

        name: str = "microsoft/wavlm-base-plus-sd"
