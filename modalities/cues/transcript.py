"""What is said: utterances cut at silences, each recognised by Moonshine (English).

An utterance ends where nobody speaks for a while, or, closed by force, at the quietest place after 10 to 15 s. It is
absent where the recogniser is not sure of it or does not come to an end: so it reads every language but its own.
Moonshine gives no times, so the words are laid over the utterance's spans of speech by their length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modalities import moonshine
from modalities.cues.cue import Cue
from modalities.types import (
    SAMPLE_RATE,
    SECOND,
    Microseconds,
    Percept,
    Segment,
    Speech,
    Times,
    Transcript,
    Waveform,
    Word,
)

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


class Moonshine(Cue):
    """Speech recognition by Moonshine tiny (Jeffries et al., 2024)."""

    name: ClassVar[str] = "moonshine"
    assets: ClassVar[tuple[str, ...]] = moonshine.ASSETS
    wants: ClassVar[Mapping[str, type[Percept]]] = {"waveform": Waveform, "speech": Speech}
    gives: ClassVar[type[Percept]] = Transcript

    class Config(Cue.Config):
        """Times in seconds. `most_doubt`: minus the logarithm of an utterance's probability per second of its sound.

        Above 3.25 lie 1 % of English utterances (read, acted, commands, interviews) and 86 % of those in German and
        Mandarin; the area under that curve is 0.997.
        """

        speech: str = "speech"
        silence: float = Field(0.5, ge=0.1)
        longest: float = Field(15.0, gt=0, le=30)
        padding: float = Field(0.2, ge=0)
        blank: float = Field(0.3, ge=0)
        most_doubt: float = Field(3.25, gt=0)

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """The waveform, and where somebody speaks in it."""
        return {"waveform": "waveform", "speech": self.config.speech}

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
            words += self._words(memory, utterance)
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

    def _words(self, memory: Listening, utterance: Utterance) -> tuple[Word, ...]:
        """Recognise one utterance; nothing where the recogniser is not sure."""
        padding, blank = _time(self.config.padding), np.zeros(round(self.config.blank * SAMPLE_RATE), np.float32)
        start = max(int(utterance.spans[0, 0]) - padding, memory.done)
        sound = memory.cut(start, min(int(utterance.spans[-1, 1]) + padding, utterance.end))
        if not len(sound):
            return ()
        found = moonshine.transcribe(np.concatenate([blank, sound, blank]))
        unsure = found.doubt * SAMPLE_RATE / len(sound) > self.config.most_doubt
        if unsure or not found.finished or not found.words:
            return ()
        return lay(found.words, utterance.spans)


def lay(words: Sequence[tuple[str, float]], spans: Times) -> tuple[Word, ...]:
    """Lay words with their confidences over spans of speech [N, 2], each as long as its letters and a gap."""
    spoken = np.cumsum([0, *(spans[:, 1] - spans[:, 0])])
    share = np.cumsum([0, *(len(text) + 1 for text, _ in words)])
    edges = share * spoken[-1] // share[-1]
    # A word that begins where a span ends begins with the next span.
    first = np.searchsorted(spoken[:-1], edges[:-1], side="right") - 1
    last = np.searchsorted(spoken[:-1], edges[1:], side="left") - 1
    starts, ends = spans[first, 0] + edges[:-1] - spoken[first], spans[last, 0] + edges[1:] - spoken[last]
    return tuple(
        Word(text, start, end, confidence, "estimated")
        for (text, confidence), start, end in zip(words, starts.tolist(), ends.tolist(), strict=True)
    )


def _time(seconds: float) -> Microseconds:
    return round(seconds * SECOND)
