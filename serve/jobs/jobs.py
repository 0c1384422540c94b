"""Everything about jobs in one process: accepting them, and whoever works on them, calls back and clears up.

async with Jobs(settings, performer) as jobs:          # works as long as this is open
    job, new = await jobs.accept(upload, …)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

from serve.jobs.foreman import POLL, Foreman
from serve.jobs.job import Job, NewJob
from serve.jobs.places import Places
from serve.jobs.store import QueueFullError, Store, StoreError
from serve.jobs.sweeper import Sweeper
from serve.jobs.webhook import Caller
from serve.orders import Performer
from serve.settings import ServerSettings

_log = logging.getLogger(__name__)


class Work(Protocol):
    """What goes on until it is cancelled."""

    async def run(self) -> None:
        """Do it."""
        ...


class Jobs:
    """The jobs of a server; as many processes as like may share its folder."""

    def __init__(self, settings: ServerSettings, performer: Performer, *, poll: float = POLL) -> None:
        jobs, http = settings.jobs, settings.http
        self.places = Places(jobs.folder)
        self.store = Store(self.places.store)
        self._waiting = jobs.waiting
        self._foreman = Foreman(self.store, self.places, performer, settings, poll=poll)
        self._caller = Caller(self.store, http.callbacks, poll=poll)
        age = http.upload_seconds + http.answer_seconds + 60
        self._sweeper = Sweeper(self.store, self.places, keep=jobs.keep, upload_age=age)
        self._working: set[asyncio.Task[None]] = set()
        self._accepting: set[asyncio.Task[tuple[Job, bool]]] = set()

    async def __aenter__(self) -> Self:
        """Begin to work."""
        for work in (self._foreman, self._caller, self._sweeper):
            self._working.add(asyncio.create_task(_go_on(work), name=type(work).__name__))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what was begun is put back."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, *self._accepting, return_exceptions=True)
        self._working.clear()
        await asyncio.to_thread(self.store.close)

    async def counts(self) -> Mapping[str, int]:
        """Return how many jobs there are by state; nothing while the store cannot be read."""
        try:
            return await self.store.ask(self.store.counts)
        except StoreError as error:
            _log.warning("jobs cannot be counted now: %s", error)
            return {}

    async def check_room(self, owner: str, key: str | None) -> None:
        """Raise QueueFullError where no further job may wait, unless it was accepted before."""
        queued = (await self.store.ask(self.store.counts)).get("queued", 0)
        known = None if key is None else await self.store.ask(self.store.of_key, owner, key)
        if queued >= self._waiting and known is None:
            raise QueueFullError(f"{self._waiting} jobs wait already; come again later")

    async def accept(self, upload: Path, new: NewJob) -> tuple[Job, bool]:
        """Make an upload a job, which is on the disk for good when this returns; or return the one it was before.

        Errors as of `Store.add`. Whoever stops waiting for this gets a whole job or none.
        """
        task = asyncio.create_task(self._accept(upload, new))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        return await asyncio.shield(task)

    async def cancel(self, job: str) -> None:
        """End a job and erase all of it."""
        await self.store.ask(self.store.cancel, job)
        await asyncio.to_thread(self.places.drop, job)

    async def erase(self, job: str) -> None:
        """Erase what an ended job leaves."""
        await self.store.ask(self.store.erase, job)
        await asyncio.to_thread(self.places.drop, job)

    async def _accept(self, upload: Path, new: NewJob) -> tuple[Job, bool]:
        fresh = False
        try:
            await asyncio.to_thread(self.places.take_in, upload, new.id)
            job, fresh = await self.store.ask(self.store.add, new, waiting=self._waiting)
        finally:
            if not fresh:
                await asyncio.to_thread(self.places.drop, new.id)
        self._foreman.wake()
        return job, fresh


async def _go_on(work: Work) -> None:
    """Let somebody work; a fault of the program is logged, and the work goes on."""
    while True:
        try:
            await work.run()
        except Exception:  # noqa: BLE001  else jobs would wait for ever
            _log.exception("%s stopped, and begins again", type(work).__name__)
            await asyncio.sleep(1)
