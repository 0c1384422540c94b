"""Performers around another: one holds every clip back until it is let go, others do what must never happen."""

import asyncio
import threading

from serve.orders import Begun


class Held:
    """Says that it began, and waits before it hands the clip on to whoever recognises it."""

    def __init__(self, inner):
        self._inner = inner
        self.let_go = threading.Event()
        self.begun = self.stopped = 0

    async def about(self):
        return await self._inner.about()

    async def perform(self, order):
        self.begun += 1
        try:
            yield Begun()
            while not self.let_go.is_set():
                await asyncio.sleep(0.01)
            async for event in self._inner.perform(order):
                if event.event != "begun":
                    yield event
        finally:
            self.stopped += 1


class Broken:
    """Breaks in the middle, in the words of a traceback; or ends without a result; or says nothing of itself."""

    def __init__(self, inner, how):
        self._inner, self._how = inner, how

    async def about(self):
        if self._how == "silent":
            raise RuntimeError("secret at /srv/secret/place.py")
        return await self._inner.about()

    async def perform(self, order):
        if self._how == "at once":
            raise RuntimeError(f"secret at {order.clip}")
        yield Begun()
        if self._how == "in the middle":
            raise RuntimeError(f"secret at {order.clip}")
