"""Where somebody speaks: Silero's voice activity network, and hysteresis over what it says.

The network looks at 32 ms of sound at a time and carries its state from one frame to the next. It is run straight from
the `silero-vad` package's ONNX file, a fixed number of frames at a time, so that the same numbers come out however a
clip is cut into stretches. A span that is still open is reported piece by piece; `Speech.join` makes the pieces one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from modalities.cues.cue import Cue
from modalities.onnx import open_network
from modalities.types import FOREVER, SAMPLE_RATE, SECOND, Microseconds, Percept, Segment, Speech, Waveform

FRAME, CONTEXT, BLOCK = 512, 64, 8
"""Samples that the network looks at, samples before them that it sees too, and frames per call."""
STEP: Microseconds = FRAME * SECOND // SAMPLE_RATE
"""Duration of a frame."""


@cache
def network_file() -> Path:
    """Find the network in the package, which need not be imported for it (that would import torch)."""
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("voice activity needs the package silero-vad, which is not there; run `make setup`")
    return Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"


@dataclass(frozen=True, slots=True)
class Listening:
    """What is remembered of a clip: sound not yet looked at, the network's state, and a span that is open."""

    origin: Microseconds  # of frame 0
    until: Microseconds  # reported up to here
    sound: NDArray[np.float32]  # [N] context, then samples not yet looked at
    hidden: NDArray[np.float32]  # [1, 1, 128]
    cell: NDArray[np.float32]  # [1, 1, 128]
    frames: int = 0  # looked at so far
    start: int | None = None  # frame in which the open span began
    pause: int | None = None  # frame in which it may have ended

    @classmethod
    def begin(cls, origin: Microseconds) -> Listening:
        """Start a clip, with silence before its first sound."""
        blank = np.zeros((1, 1, 128), np.float32)
        return cls(origin, origin, np.zeros(CONTEXT, np.float32), blank, blank)

    def time(self, frame: int) -> Microseconds:
        """Return when a frame begins."""
        return self.origin + frame * STEP

    @property
    def end(self) -> Microseconds:
        """Return when the sound ends that has come so far."""
        return self.time(self.frames) + (len(self.sound) - CONTEXT) * SECOND // SAMPLE_RATE


class Silero(Cue):
    """Voice activity by Silero VAD (Silero Team, 2021)."""

    name: ClassVar[str] = "silero"
    licence: ClassVar[str] = "MIT"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"waveform": Waveform}
    gives: ClassVar[type[Percept]] = Speech

    class Config(Cue.Config):
        """Probabilities between which the last decision stays, and durations in seconds; Silero's own defaults."""

        threshold: float = Field(0.5, gt=0, lt=1)
        lower_threshold: float = Field(0.35, gt=0, lt=1)
        shortest_speech: float = Field(0.25, ge=0)
        shortest_silence: float = Field(0.1, gt=0)
        padding: float = Field(0.03, ge=0)

        @model_validator(mode="after")
        def _apart(self) -> Self:
            if self.lower_threshold > self.threshold or 2 * self.padding >= self.shortest_silence:
                raise ValueError(
                    f"lower_threshold ({self.lower_threshold}) must not exceed threshold ({self.threshold}), and "
                    f"padding ({self.padding} s) must be less than half of shortest_silence ({self.shortest_silence} s)"
                )
            return self

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """The waveform."""
        return {"waveform": "waveform"}

    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],  # noqa: ARG002  a cue without a grid takes all that is new
        memory: Listening | None,
    ) -> tuple[Speech, Listening | None]:
        """Return the spans, complete up to where nothing that follows can change them."""
        waveform = cast(Waveform, percepts["waveform"])
        if memory is None:
            if not len(waveform.samples):
                return Speech(np.zeros((0, 2), np.int64), waveform.until), None
            memory = Listening.begin(waveform.start)
        memory = replace(memory, sound=np.concatenate([memory.sound, waveform.samples]))
        last, end = waveform.until >= FOREVER, memory.end
        probabilities, memory = self._look(memory, last=last)
        spans, memory = self._follow(probabilities, memory)
        waiting = memory.frames if memory.start is None else memory.start
        until = FOREVER if last else max(memory.time(waiting) - self._padding, memory.until)
        if span := self._open(memory, self._padding if last else 0):
            spans, until = [*spans, span], max(until, span[1])
        pieces = [(max(start, memory.until), min(stop, end)) for start, stop in spans]
        return Speech(np.array(pieces, np.int64).reshape(-1, 2), until), replace(memory, until=until)

    @property
    def _padding(self) -> Microseconds:
        return round(self.config.padding * SECOND)

    def _look(self, memory: Listening, *, last: bool) -> tuple[list[float], Listening]:
        """Return the probability of speech in each frame of every whole block, or of all there is if it is the last."""
        sound, hidden, cell, probabilities = memory.sound, memory.hidden, memory.cell, list[float]()
        if last:
            sound = np.pad(sound, (0, (CONTEXT - len(sound)) % FRAME))
        network, least = open_network(network_file()), 1 if last else BLOCK
        while (frames := min((len(sound) - CONTEXT) // FRAME, BLOCK)) >= least:
            rows = np.lib.stride_tricks.sliding_window_view(sound, CONTEXT + FRAME)[: frames * FRAME : FRAME]
            found, hidden, cell = network.run(None, {"input": rows, "h": hidden, "c": cell})
            probabilities += found.tolist()
            sound = sound[frames * FRAME :]
        return probabilities, replace(memory, sound=sound.copy(), hidden=hidden, cell=cell)

    def _follow(
        self, probabilities: Sequence[float], memory: Listening
    ) -> tuple[list[tuple[Microseconds, Microseconds]], Listening]:
        """Go through new frames; return the spans that have closed."""
        start, pause, closed = memory.start, memory.pause, list[tuple[int, int]]()
        for frame, probability in enumerate(probabilities, memory.frames):
            if probability >= self.config.threshold:
                start, pause = frame if start is None else start, None
            elif start is not None and probability < self.config.lower_threshold:
                pause = frame if pause is None else pause
                if (frame - pause) * STEP >= self.config.shortest_silence * SECOND:
                    closed.append((start, pause))
                    start = pause = None
        memory = replace(memory, frames=memory.frames + len(probabilities), start=start, pause=pause)
        spans = [
            (memory.time(first) - self._padding, memory.time(end) + self._padding)
            for first, end in closed
            if self._is_long(first, end)
        ]
        return spans, memory

    def _open(self, memory: Listening, padding: Microseconds) -> tuple[Microseconds, Microseconds] | None:
        """Return what is sure of the open span, once it is long enough to be speech."""
        end = memory.frames if memory.pause is None else memory.pause
        if memory.start is None or not self._is_long(memory.start, end):
            return None
        return memory.time(memory.start) - self._padding, memory.time(end) + padding

    def _is_long(self, start: int, end: int) -> bool:
        return (end - start) * STEP > self.config.shortest_speech * SECOND
