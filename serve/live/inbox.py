"""An inbox: between whoever hears a socket and whoever recognises what comes in. Plain, so that a Ray actor can be one.

It never grows beyond a few seconds: where recognition is slower than the camera, the oldest frames are dropped and
counted. Sound is kept, for a gap in it would cut words.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

FRAMES = 50
"""That may wait: ten seconds of them."""
SOUND = 16_000 * 2 * 60
"""Bytes of sound that may wait: a minute."""


class Arrived(NamedTuple):
    """A message of a camera or a microphone."""

    kind: Literal["frame", "sound"]
    time: int
    """Microseconds after the beginning: of the frame, or of the first sample."""
    payload: bytes
    """A JPEG, or signed 16-bit samples, 16 kHz mono, low byte first."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was in an inbox."""

    messages: tuple[Arrived, ...]
    over: bool
    """Whether nothing more will come."""
    dropped: int
    """Frames that were dropped so far."""


class Source(Protocol):
    """An inbox, here or elsewhere, for whoever recognises."""

    def take(self) -> Taken:
        """Take out what is there; returns at once."""
        ...


class Inbox:
    """What came in and was not taken out yet."""

    def __init__(self) -> None:
        self._messages: deque[Arrived] = deque()
        self._frames = self._sound = self._dropped = 0
        self._over = False

    def put(self, kind: Literal["frame", "sound"], time: int, payload: bytes) -> None:
        """Add a message; frames beyond what may wait push out the oldest, sound beyond it ends the session."""
        self._messages.append(Arrived(kind, time, payload))
        if kind == "sound":
            self._sound += len(payload)
            self._over |= self._sound > SOUND
            return
        self._frames += 1
        if self._frames > FRAMES:
            oldest = next(message for message in self._messages if message.kind == "frame")
            self._messages.remove(oldest)
            self._frames -= 1
            self._dropped += 1

    def end(self) -> None:
        """Say that nothing more will come."""
        self._over = True

    def take(self) -> Taken:
        """Take out what is there."""
        messages, self._messages = tuple(self._messages), deque()
        self._frames = self._sound = 0
        return Taken(messages, self._over, self._dropped)
