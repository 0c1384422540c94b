"""The transcript cue: speech is grouped into utterances, and each is given to a recogniser.

An utterance ends where nobody speaks for a while, or, closed by force, at the quietest place after 10 to 15 s. It is
absent where the recogniser is not sure of it or does not come to an end: so it reads every language but its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, cast, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modalities.cues.cue import Cue
from modalities.cues.transcript.listening import NOBODY, Listening, Utterance
from modalities.cues.transcript.recognition import Recognition, lay, place
from modalities.types import (
    SAMPLE_RATE,
    SECOND,
    Microseconds,
    Percept,
    Segment,
    Speech,
    Transcript,
    Waveform,
    Word,
)


class TranscriptCue(Cue):
    """Speech recognition; a recogniser only writes `recognise`."""

    wants: ClassVar[Mapping[str, type[Percept]]] = {"waveform": Waveform, "speech": Speech}
    gives: ClassVar[type[Percept]] = Transcript

    class Config(Cue.Config):
        """Times in seconds. `most_doubt`: what is more doubtful is absent; its unit is the recogniser's."""

        speech: str = "speech"
        silence: float = Field(0.5, ge=0.1)
        longest: float = Field(15.0, gt=0, le=30)
        padding: float = Field(0.2, ge=0)
        most_doubt: float = Field(gt=0)

    config: Config

    @abstractmethod
    def recognise(self, sound: NDArray[np.float32]) -> Recognition:
        """Write down what is said in the sound of one utterance [N], 16 kHz, at least one of them."""

    @property
    def needs(self) -> Mapping[str, str]:
        """The waveform, and where somebody speaks in it."""
        return {"waveform": "waveform", "speech": self.config.speech}

    @final
    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],  # noqa: ARG002  a cue without a grid takes all that is new
        memory: Listening | None,
    ) -> tuple[Transcript, Listening]:
        """Return the words of the utterances that have closed; complete up to the start of the one that is open."""
        waveform, speech = cast(Waveform, percepts["waveform"]), cast(Speech, percepts["speech"])
        if memory is None or not (memory.forgotten or len(memory.sound)):
            earlier = memory.speech if memory else NOBODY
            memory = Listening(waveform.start, 0, waveform.samples[:0], earlier, waveform.start)
        memory = memory.hear(waveform, speech)
        known = min(speech.until, waveform.until)
        words: list[Word] = []
        while utterance := self._closed(memory, known):
            words += self._read(memory, utterance)
            rest = np.maximum(memory.speech.spans[memory.speech.spans[:, 1] > utterance.end], utterance.end)
            memory = replace(memory, speech=replace(memory.speech, spans=rest), done=utterance.end)
        spans = memory.speech.spans
        until = min(int(spans[0, 0]), known) if len(spans) else known
        return Transcript(tuple(words), until), memory.forget(until - _time(self.config.padding))

    def _closed(self, memory: Listening, known: Microseconds) -> Utterance | None:
        """Return the first utterance, if nothing that is still to come can change it."""
        spans, silence = memory.speech.spans, _time(self.config.silence)
        if not len(spans):
            return None
        gaps = np.flatnonzero(spans[1:, 0] - spans[:-1, 1] >= silence)
        group = spans[: gaps[0] + 1] if len(gaps) else spans
        latest = int(spans[0, 0]) + _time(self.config.longest)
        if group[-1, 1] > latest:
            if known < latest:
                return None
            end = self._quietest(memory, latest)
            return Utterance(np.minimum(group[group[:, 0] < end], end), end)
        end = int(group[-1, 1]) + silence
        return Utterance(group, end) if known >= end else None

    def _quietest(self, memory: Listening, latest: Microseconds) -> Microseconds:
        """Return the middle of the quietest tenth of a second in the last third before `latest`."""
        block = SAMPLE_RATE // 10
        start = latest - _time(self.config.longest / 3)
        sound = memory.cut(start, latest)
        blocks = sound[: len(sound) // block * block].reshape(-1, block)
        if not len(blocks):
            return latest
        return start + int(np.square(blocks).mean(axis=1).argmin()) * SECOND // 10 + SECOND // 20

    def _read(self, memory: Listening, utterance: Utterance) -> tuple[Word, ...]:
        """Recognise one utterance; nothing where the recogniser is not sure."""
        padding, spans = _time(self.config.padding), utterance.spans
        start = max(int(spans[0, 0]) - padding, memory.done)
        sound = memory.cut(start, min(int(spans[-1, 1]) + padding, utterance.end))
        if not len(sound):
            return ()
        found = self.recognise(sound)
        if found.doubt > self.config.most_doubt or not found.finished or not found.words:
            return ()
        if any(word.when is None for word in found.words):
            return lay([(word.text, word.confidence) for word in found.words], spans)
        return place(found.words, start, int(spans[0, 0]), utterance.end)


def _time(seconds: float) -> Microseconds:
    return round(seconds * SECOND)
