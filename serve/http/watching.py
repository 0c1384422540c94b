"""A performer at work for one request: until it is done, its time is over, or nobody is there any more to hear of it.

The work runs in a task of its own from beginning to end, so that it may use timeouts, and stops with the request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from serve.orders import Event, Order, Performer, Refused, Result

AHEAD = 8
"""Events that may wait for a client that reads slowly; then the work waits too."""
_BUG = "the program failed, and its log says how; please report this"
_log = logging.getLogger(__name__)


@asynccontextmanager
async def perform(performer: Performer, order: Order, receive: Receive, seconds: float) -> AsyncIterator[_Watch]:
    """Have a clip recognised; leaving the block stops whatever still runs."""
    watch = _Watch(performer, order, receive, seconds)
    try:
        yield watch
    finally:
        await watch.stop()


class _Watch:
    """The events of one order, with a last one in any case; ClientDisconnect where the client went away."""

    def __init__(self, performer: Performer, order: Order, receive: Receive, seconds: float) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue(AHEAD)
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds
        self._work = asyncio.create_task(self._run(performer, order))
        self._gone = asyncio.create_task(_leave(receive))
        self._over = False

    def __aiter__(self) -> _Watch:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event."""
        if self._over:
            raise StopAsyncIteration
        event = await self._next()
        self._over = isinstance(event, Result | Refused)
        return event

    async def stop(self) -> None:
        """Stop the work, and wait until it has stopped."""
        for task in (self._gone, self._work):
            task.cancel()
        await asyncio.wait({self._gone, self._work})

    async def _next(self) -> Event:
        if not self._queue.empty():
            return self._queue.get_nowait()
        step = asyncio.create_task(self._queue.get())
        left = self._until - asyncio.get_running_loop().time()
        try:
            await asyncio.wait({step, self._gone}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)
            if step.done():
                return step.result()
        finally:
            step.cancel()
        if self._gone.done():
            raise ClientDisconnect
        return Refused(
            why="timeout",
            reason=f"there was no result after {self._seconds:g} s; send the clip as a job to /v1/jobs",
        )

    async def _run(self, performer: Performer, order: Order) -> None:
        last: Event | None = None
        try:
            async with _ended(performer.perform(order)) as events:
                async for event in events:
                    last = event
                    await self._queue.put(event)
        except Exception:  # noqa: BLE001  it is logged, and told as one sentence
            _log.exception("a clip could not be recognised")
            last = None
        if not isinstance(last, Result | Refused):
            await self._queue.put(Refused(why="bug", reason=_BUG))


@asynccontextmanager
async def _ended(events: AsyncIterator[Event]) -> AsyncIterator[AsyncIterator[Event]]:
    """End a generator at once when nobody listens any more, not when it is found to be garbage."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _leave(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        continue
