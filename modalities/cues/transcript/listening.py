"""The sound and the speech of the utterance that is open: what the transcript cue remembers of a clip."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modalities.types import SAMPLE_RATE, SECOND, Microseconds, Speech, Times, Waveform

NOBODY = Speech(np.zeros((0, 2), np.int64), 0)


@dataclass(frozen=True, slots=True)
class Listening:
    """What is remembered of a clip: the sound and the spans of the utterance that is open, and what may follow it."""

    origin: Microseconds  # of the clip's first piece of sound
    forgotten: int  # samples between that and `sound`
    sound: NDArray[np.float32]  # [N]
    speech: Speech
    done: Microseconds  # sound before this belongs to earlier utterances

    def hear(self, waveform: Waveform, speech: Speech) -> Listening:
        """Continue with what is new."""
        return replace(self, sound=np.concatenate([self.sound, waveform.samples]), speech=self.speech.join(speech))

    def cut(self, start: Microseconds, end: Microseconds) -> NDArray[np.float32]:
        """Return the sound of a span, shorter where there is none."""
        first, last = (max(0, self._place(time)) for time in (start, end))
        return self.sound[first:last]

    def forget(self, time: Microseconds) -> Listening:
        """Keep sound from `time` on."""
        drop = min(max(0, self._place(time)), len(self.sound))
        return replace(self, sound=self.sound[drop:].copy(), forgotten=self.forgotten + drop)

    def _place(self, time: Microseconds) -> int:
        return (time - self.origin) * SAMPLE_RATE // SECOND - self.forgotten


@dataclass(frozen=True, slots=True)
class Utterance:
    """Spans of speech [N, 2] that belong together; what comes before `end` is settled with it."""

    spans: Times
    end: Microseconds
