"""wav2vec 2.0: steps of sound, plain or adapted to how somebody feels."""

from __future__ import annotations

from typing import ClassVar

from modalities.encoders.waves import Waves


class Wav2Vec2(Waves):
    """wav2vec 2.0 (Baevski et al., 2020), E = 768; SUN uses audEERING's large one, adapted to arousal and valence."""

    name: ClassVar[str] = "wav2vec2"
    architecture: ClassVar[str] = "Wav2Vec2"

    class Config(Waves.Config):
        """Which wav2vec 2.0."""

        name: str = "facebook/wav2vec2-base"
