"""Clears up: what is too old is erased, and so is what a process that was killed left behind."""

from __future__ import annotations

import asyncio
import logging

from serve.http.spool import sweep
from serve.jobs.places import Places
from serve.jobs.store import Store, StoreError

LONGEST = 60.0
"""Seconds between two rounds, at most."""
GRACE = 3600.0
"""Seconds that a folder without a job is left alone: it may be about to become one."""
_log = logging.getLogger(__name__)


class Sweeper:
    """Goes round as long as it runs; several may."""

    def __init__(self, store: Store, places: Places, *, keep: float, upload_age: float, grace: float = GRACE) -> None:
        self._store, self._places = store, places
        self._keep, self._upload_age, self._grace = keep, upload_age, grace

    async def run(self) -> None:
        """Go round again and again, until cancelled."""
        while True:
            try:
                await self.round()
            except (StoreError, OSError) as error:
                _log.warning("not everything could be cleared up: %s", error)
            await asyncio.sleep(min(LONGEST, self._keep / 4))

    async def round(self) -> None:
        """Erase what is to be erased now."""
        erased = await self._store.ask(self._store.expire, keep=self._keep)
        forgetful = await self._store.ask(self._store.forgetful)
        old = await asyncio.to_thread(self._places.old, self._grace)
        orphans = await self._store.ask(self._store.unknown, old)
        await asyncio.to_thread(self._erase, [*erased, *orphans], forgetful)

    def _erase(self, whole: list[str], clips: list[str]) -> None:
        for job in whole:
            self._places.drop(job)
        for job in clips:
            self._places.drop_clip(job)
        sweep(self._places.uploads, self._upload_age)
