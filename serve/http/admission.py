"""Admission: so many clips are answered at once, and so many may wait; whoever comes beyond is told so at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serve.http.errors import Problem
from serve.orders import Performer

FRESH = 5.0
"""Seconds for which the number of processes is believed, and within which it must be told."""
_log = logging.getLogger(__name__)


class Admission:
    """Places for requests that wait for their result: one for each process that recognises, and some to wait in."""

    def __init__(self, performer: Performer, waiting: int) -> None:
        self._performer = performer
        self._waiting = waiting
        self._inside = 0
        self._processes = 1
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    @property
    def busy(self) -> int:
        """How many requests are worked on."""
        return min(self._inside, self._processes)

    @property
    def queued(self) -> int:
        """How many requests wait."""
        return self._inside - self.busy

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place; a Problem where there is none."""
        await self._refresh()
        if self._inside >= self._processes + self._waiting:
            count = self._inside
            raise Problem("overload", f"{count} requests are worked on or wait; come again, or send a job to /v1/jobs")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    async def _refresh(self) -> None:
        """Ask now and then how many processes there are; only the very first request waits for the answer."""
        first = self._asking is None
        if first or (self._asking is not None and self._asking.done() and time.monotonic() - self._asked > FRESH):
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._count())
        if first and self._asking is not None:
            await asyncio.wait({self._asking})

    async def _count(self) -> None:
        try:
            async with asyncio.timeout(FRESH):
                self._processes = max(1, int((await self._performer.about())["processes"]))
        except Exception:  # noqa: BLE001  it is logged, and asked again in a while
            _log.warning("nobody said how many processes recognise; it counts as %d", self._processes, exc_info=True)
