"""Follows a job from outside, through the store: whoever works on it may be another process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from pydantic_core import to_json

from serve.jobs.job import Job
from serve.jobs.store import Store, StoreError

LOOK = 0.3
"""Seconds between looks."""
BEAT = 15.0
"""Seconds of silence after which a sign of life is given."""


async def watch(
    store: Store, job: Job, *, seen: int = -1, look: float = LOOK, beat: float = BEAT
) -> AsyncIterator[Job | None]:
    """Yield a job whenever it has changed since version `seen`, up to its end; `None` as a sign of life in between."""
    told = time.monotonic()
    while True:
        if job.version != seen:
            seen, told = job.version, time.monotonic()
            yield job
        elif time.monotonic() - told >= beat:
            told = time.monotonic()
            yield None
        if job.over:
            return
        await asyncio.sleep(look)
        with suppress(StoreError):  # it is looked at again
            now = await store.ask(store.get, job.id)
            if now is None:  # forgotten, long after its end
                return
            job = now


async def sent_events(store: Store, job: Job, *, seen: int = -1) -> AsyncIterator[bytes]:
    """Write a job's changes as server-sent events: `progress`, at last `done`, `failed` or `cancelled`."""
    async for now in watch(store, job, seen=seen):
        if now is None:
            yield b": still there\n\n"
        else:
            name = now.state if now.over else "progress"
            yield f"id: {now.version}\nevent: {name}\ndata: ".encode() + to_json(now.document()) + b"\n\n"
