"""Inboxes between processes: an actor that whoever hears a socket fills, and a conductor empties."""

from __future__ import annotations

from typing import Any, Literal

import ray

from serve.live.inbox import Inbox, Taken


class Letterbox:
    """An inbox in an actor of its own; it ends with whoever made it."""

    def __init__(self) -> None:
        self.actor: Any = ray.remote(num_cpus=0)(Inbox).remote()

    def put(self, kind: Literal["frame", "sound"], time: int, payload: bytes) -> None:
        """Add a message, without waiting."""
        self.actor.put.remote(kind, time, payload)

    def end(self) -> None:
        """Say that nothing more will come."""
        self.actor.end.remote()


class FarInbox:
    """An inbox that lives elsewhere, for whoever recognises."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def take(self) -> Taken:
        """Take out what is there."""
        taken: Taken = ray.get(self._actor.take.remote())
        return taken
