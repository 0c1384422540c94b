"""Does the jobs: takes those that wait, one after the other or a few at once, and sees each to its end.

    foreman = Foreman(store, places, performer, settings)
    task = asyncio.create_task(foreman.run())        # cancel it to stop; what it worked on is put back

Several foremen, in several processes, may share a store. An attempt holds a job for `lease` seconds and says again and
again that it lives; if it does not, another begins anew in a folder of its own. Only the attempt that the store knows
as the job's can make its files the result, so nothing is in a result twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from serve.jobs.attempt import Attempt, Ended
from serve.jobs.job import Job
from serve.jobs.places import Places
from serve.jobs.store import Store, StoreError
from serve.orders import Performer
from serve.settings import ServerSettings

POLL = 0.5
"""Seconds between looks into the store."""
PAUSE, LONGEST = 1.0, 60.0
"""Seconds until a job is tried again where there was no room, and at most."""
_log = logging.getLogger(__name__)


class Foreman:
    """Takes jobs as long as it runs."""

    def __init__(
        self,
        store: Store,
        places: Places,
        performer: Performer,
        settings: ServerSettings,
        *,
        poll: float = POLL,
        pause: float = PAUSE,
    ) -> None:
        self._store, self._places, self._performer = store, places, performer
        self._settings, self._clip_seconds = settings.jobs, settings.http.job_seconds
        self._poll, self._pause = poll, pause
        self._working: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that there is a new job, so that nobody waits for the next look."""
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled; then put back what was begun."""
        at_once = self._settings.at_once or await half_of_processes(self._performer, self._poll)
        try:
            while True:
                job = await self._patiently(lambda: self._claim(at_once)) if len(self._working) < at_once else None
                if job is not None:
                    task = asyncio.create_task(self._do(job), name=f"job {job.id}")
                    self._working.add(task)
                    task.add_done_callback(self._over)
                    continue
                self._news.clear()
                with suppress(TimeoutError):  # asyncio.wait_for may swallow that this is cancelled
                    async with asyncio.timeout(self._poll):
                        await self._news.wait()
        finally:
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s stopped; it is begun again when its lease has run out", task.get_name(), exc_info=error)

    async def _claim(self, at_once: int) -> Job | None:
        settings = self._settings
        return await self._store.ask(
            self._store.claim, lease=settings.lease, attempts=settings.attempts, at_once=at_once
        )

    async def _patiently(self, ask: Callable[[], Awaitable[Job | None]]) -> Job | None:
        """Ask the store; one that cannot be used now is asked again at the next look."""
        try:
            return await ask()
        except StoreError as error:
            _log.warning("no job can be taken now: %s", error)
            return None

    async def _do(self, job: Job) -> None:
        attempt = Attempt(job, self._store, self._places, lease=self._settings.lease, poll=self._poll)
        try:
            ended = await attempt.run(self._performer, self._clip_seconds)
        except asyncio.CancelledError:
            # Somebody ends this process: the next one need not wait for the lease, and it was no attempt.
            with suppress(StoreError):
                await self._store.ask(self._store.postpone, job, delay=0.0, counted=False)
            raise
        if ended is not None:
            await self._settle(attempt, ended)
        await self._clear(job)

    async def _settle(self, attempt: Attempt, ended: Ended) -> None:
        """Write down how an attempt ended."""
        job, store = attempt.job, self._store
        if ended.trouble is None:
            done = await attempt.persist(
                store.finish, place=ended.place, files=ended.files, degraded=ended.degraded, seconds=ended.seconds
            )
        elif ended.trouble == "overload":
            done = await attempt.persist(store.postpone, delay=self._delay(job.waits), counted=False)
        elif ended.trouble == "lost" and job.attempt < self._settings.attempts:
            done = await attempt.persist(store.postpone, delay=self._delay(job.attempt - 1), counted=True)
        else:
            done = await attempt.persist(store.fail, trouble=ended.trouble, reason=ended.reason)
        _log.info("job %s: %s%s", job.id, ended.trouble or "done", "" if done else ", but it is no longer ours")

    def _delay(self, times: int) -> float:
        return min(LONGEST, self._pause * 2.0 ** min(times, 10))

    async def _clear(self, job: Job) -> None:
        """Erase what is of no use any more."""
        now = await self._patiently(lambda: self._store.ask(self._store.get, job.id))
        if now is not None:
            await asyncio.to_thread(_clear, self._places, now, job)


def _clear(places: Places, now: Job, was: Job) -> None:
    if now.erased is not None:
        places.drop(now.id)
    elif now.over:
        places.drop_attempts(now, but=next(iter(places.results(now).values()), places.root).parent)
        if now.erase:
            places.drop_clip(now.id)
    else:
        places.drop_attempt(was)


async def half_of_processes(performer: Performer, poll: float) -> int:
    """Return how many jobs leave room for those who wait for an answer."""
    while True:
        try:
            return max(1, int((await performer.about()).get("processes", 1)) // 2)
        except Exception as error:  # noqa: BLE001  whoever recognises may still be starting, or be starting again
            _log.warning("nobody recognises yet: %s", error)
            await asyncio.sleep(poll)
