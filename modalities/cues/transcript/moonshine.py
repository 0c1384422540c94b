"""Moonshine as a recogniser: small, English, offline. It gives no times, so words are laid over the spans of speech."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modalities import moonshine
from modalities.cues.transcript.cue import TranscriptCue
from modalities.cues.transcript.recognition import Heard, Recognition
from modalities.types import SAMPLE_RATE


class Moonshine(TranscriptCue):
    """Speech recognition by Moonshine tiny (Jeffries et al., 2024)."""

    name: ClassVar[str] = "moonshine"
    assets: ClassVar[tuple[str, ...]] = moonshine.ASSETS

    class Config(TranscriptCue.Config):
        """`most_doubt`: minus the logarithm of an utterance's probability per second of its sound.

        Above 3.25 lie 1 % of English utterances (read, acted, commands, interviews) and 86 % of those in German and
        Mandarin; the area under that curve is 0.997. `blank`: seconds of silence before and after an utterance.
        """

        blank: float = Field(0.3, ge=0)
        most_doubt: float = Field(3.25, gt=0)

    config: Config

    def recognise(self, sound: NDArray[np.float32]) -> Recognition:
        """Write down an utterance; each word with its mean probability."""
        blank = np.zeros(round(self.config.blank * SAMPLE_RATE), np.float32)
        found = moonshine.transcribe(np.concatenate([blank, sound, blank]))
        words = tuple(Heard(text, confidence) for text, confidence in found.words)
        return Recognition(words, found.doubt * SAMPLE_RATE / len(sound), found.finished)
