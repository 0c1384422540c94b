"""One attempt at a job: listen to whoever recognises the clip, say that it is alive, stop when it counts no more.

It counts no more when the job was cancelled, or when its lease ran out and another attempt was begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec

from serve.jobs.job import Job, Trouble
from serve.jobs.places import Places, settle
from serve.jobs.store import Store, StoreError
from serve.orders import Begun, Event, Order, Performer, Refused, Result, Stretch

STALL = 20
"""Leases without an event after which whoever recognises counts as lost, though this process is alive."""
UNBEGUN = 3600.0
"""Seconds for which a clip may wait behind others before it is opened."""
PERSISTENCE = 600.0
"""Seconds for which an end is written again where the store cannot be used; then the lease lets another begin."""
P = ParamSpec("P")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: with files in a place, or with trouble."""

    trouble: Trouble | None = None
    reason: str = ""
    place: str = ""
    files: dict[str, str] = field(default_factory=dict)
    degraded: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class Attempt:
    """A job in work."""

    def __init__(self, job: Job, store: Store, places: Places, *, lease: float, poll: float) -> None:
        self.job = job
        self._store, self._places = store, places
        self._lease, self._poll = lease, poll
        self._heard, self._patience = time.monotonic(), UNBEGUN
        self._seconds, self._duration = 0.0, job.duration
        self._degraded: dict[str, str] = {}

    async def run(self, performer: Performer, clip_seconds: float) -> Ended | None:
        """Recognise the clip; nothing is returned if this attempt counts no more. Whoever cancels it stops the work."""
        folder = self._places.attempt(self.job)
        asked = self.job.asked
        order = Order(
            clip=self._places.clip(self.job.id),
            name=self.job.name,
            without=asked.without,
            all_tracks=asked.all_tracks,
            prompts=asked.prompts,
            duration=clip_seconds,
            out=folder,
            detail=False,
        )
        work = asyncio.create_task(self._listen(performer, order))
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else watch.result()
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)

    async def persist(self, method: Callable[Concatenate[Job, P], bool], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Write an end down, again and again while the store cannot be used; whether this attempt counted."""
        end = time.monotonic() + PERSISTENCE
        while True:
            try:
                return await self._store.ask(method, self.job, *args, **kwargs)
            except StoreError as error:
                if time.monotonic() > end:
                    raise
                _log.warning("the end of job %s cannot be written yet: %s", self.job.id, error)
                await asyncio.sleep(self._poll)

    async def _listen(self, performer: Performer, order: Order) -> Ended:
        try:
            async with aclosing(_closable(performer.perform(order))) as events:
                async for event in events:
                    self._heard, self._patience = time.monotonic(), STALL * self._lease
                    if isinstance(event, Refused):
                        return Ended(event.why, event.reason)
                    if isinstance(event, Result):
                        return await self._keep(event)
                    self._note(event)
        except Exception as error:  # noqa: BLE001  however it broke, the job must know and may be tried again
            _log.exception("job %s broke", self.job.id)
            return Ended("lost", f"whoever worked on it was lost ({type(error).__name__}); send it again")
        return Ended("lost", "whoever worked on it stopped before the end; send it again")

    def _note(self, event: Begun | Stretch) -> None:
        if isinstance(event, Begun):
            self._duration = event.duration
        else:
            self._seconds, self._degraded = event.end, dict(event.degraded)

    async def _keep(self, result: Result) -> Ended:
        folder = self._places.attempt(self.job)
        files = {kind: path.name for kind, path in result.files.items()}
        # A result that the store knows must outlast a loss of power as well.
        await asyncio.to_thread(settle, [*result.files.values(), folder, folder.parent])
        return Ended(place=folder.name, files=files, degraded=dict(result.degraded), seconds=self._seconds)

    async def _watch(self) -> Ended | None:
        """Write progress down and renew the lease; returns when this attempt counts no more, or hears nothing more."""
        told: tuple[float, float | None, dict[str, str]] = (0.0, self._duration, {})
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(min(self._poll, self._lease / 4))
            news = (self._seconds, self._duration, self._degraded)
            with suppress(StoreError):  # then it is written at the next look, or the lease runs out
                if not await self._store.ask(self._store.held, self.job):
                    return None
                if news != told:
                    seconds, duration, degraded = told = news
                    await self._store.ask(
                        self._store.advance, self.job, seconds=seconds, duration=duration, degraded=degraded
                    )
                if time.monotonic() - renewed > self._lease / 3:
                    await self._store.ask(self._store.renew, self.job, lease=self._lease)
                    renewed = time.monotonic()
            if time.monotonic() - self._heard > self._patience:
                return Ended("lost", "whoever worked on it gave no sign of life any more; send it again")


async def _closable(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Pass events on; whoever closes this closes what brings them, so that the work stops."""
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
