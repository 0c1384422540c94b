"""Calls back whoever asked for it when a job has ended: its document, signed, again and again until it is taken.

The store remembers which calls are due, so a restart forgets none. A call may arrive twice; its receiver knows it
by the job's id.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

import pydantic_core

from serve.http.urls import UrlError, vet
from serve.jobs.job import Job
from serve.jobs.store import Store, StoreError
from serve.signature import HEADER, SECRET, sign

TIMES = 12
"""How often a call is tried."""
PAUSE, LONGEST = 5.0, 1800.0
"""Seconds until it is tried again, doubled each time, and at most: twelve times take 100 minutes."""
SECONDS = 10.0
"""For one call."""
AT_ONCE = 4
"""Calls, so that one who answers slowly does not keep the others waiting."""
_log = logging.getLogger(__name__)


class Caller:
    """Calls as long as it runs; several may share a store."""

    def __init__(self, store: Store, hosts: Sequence[str], *, poll: float, pause: float = PAUSE) -> None:
        self._store, self._hosts = store, tuple(hosts)
        self._poll, self._pause = poll, pause

    async def run(self) -> None:
        """Make the calls that are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._run())

    async def _run(self) -> None:
        while True:
            if not await self.step():
                await asyncio.sleep(self._poll)

    async def step(self) -> bool:
        """Make one call if one is due; whether there was one."""
        try:
            job = await self._store.ask(self._store.take_call, hold=3 * SECONDS)
            if job is None:
                return False
            problem = await self._call(job)
            if problem is None:
                await self._store.ask(self._store.called, job, end="delivered")
            elif job.calls >= TIMES:
                _log.warning("the callback of job %s is given up: %s", job.id, problem)
                await self._store.ask(self._store.called, job, end=problem)
            else:
                delay = min(LONGEST, self._pause * 2.0 ** (job.calls - 1))
                await self._store.ask(self._store.called, job, end=None, delay=delay)
        except StoreError as error:
            _log.warning("no callback can be made now: %s", error)
            return False
        return True

    async def _call(self, job: Job) -> str | None:
        """Make a call; answers with what went wrong."""
        secret = os.environ.get(SECRET)
        if not secret or job.callback is None:
            return f"{SECRET} is not set, so nothing can be signed"
        body = pydantic_core.to_json(job.document())
        headers = {"Content-Type": "application/json", HEADER: sign(secret, body)}
        try:
            async with asyncio.timeout(SECONDS):
                target = await vet(job.callback, self._hosts)
                async with target.asking("POST", content=body, headers=headers) as response:
                    status = response.status_code
        except (UrlError, TimeoutError) as error:
            _log.info("the callback of job %s failed: %s", job.id, error)
            return "it could not be called"
        return None if 200 <= status < 300 else f"it answered {status}"
