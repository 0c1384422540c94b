"""Where jobs stand: one SQLite file, written by several processes, never losing a job that was accepted.

    store = Store(folder / "jobs.sqlite")
    job = await store.ask(store.claim, lease=15, attempts=3, at_once=2)

Every method is short and blocks; `ask` runs one off the event loop and waits, within bounds, for a store that is
locked. Whoever works on a job holds a token of that attempt, and nobody without it changes the job: a worker that was
taken for dead and comes back writes nothing. Another database can stand in with these methods.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from serve.jobs.database import Database, StoreBusyError, StoreError
from serve.jobs.job import Job, NewJob, Trouble

__all__ = ["KeyTakenError", "QueueFullError", "Store", "StoreBusyError", "StoreError"]
SCHEMA, VERSION, THREADS = Path(__file__).with_name("schema.sql"), 1, 4
PATIENCE = 5.0
"""Seconds that `ask` waits for a locked store."""
ENDS = "holder = NULL, ended = :now"

P = ParamSpec("P")
T = TypeVar("T")


class QueueFullError(RuntimeError):
    """As many jobs wait as may."""


class KeyTakenError(ValueError):
    """The idempotency key stands for another request."""


class Store:
    """The jobs. `clock` gives seconds since 1970, the same for all who share the file."""

    def __init__(self, path: Path, *, patience: float = PATIENCE, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, SCHEMA.read_text(encoding="utf-8"), VERSION)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="jobs")
        self._patience, self._now = patience, clock

    async def ask(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one of the methods in a thread; StoreBusyError if the store stays locked for too long."""
        loop, end = asyncio.get_running_loop(), time.monotonic() + self._patience
        while True:
            try:
                return await loop.run_in_executor(self._threads, lambda: method(*args, **kwargs))
            except StoreBusyError:
                if time.monotonic() >= end:
                    raise
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Let go of the file."""
        self._threads.shutdown()
        self._database.close()

    # ------------------------------------------------------------------------------------------ of those who ask

    def add(self, new: NewJob, *, waiting: int) -> tuple[Job, bool]:
        """Accept a job and say that it is new, or return the one that the same request made before.

        KeyTakenError if the key stands for another request, QueueFullError if `waiting` jobs wait.
        """
        with self._database.write() as connection:
            if (earlier := _of_key(connection, new.owner, new.key)) is not None:
                if earlier.fingerprint != new.fingerprint:
                    raise KeyTakenError(
                        "this idempotency key stands for another request; use a new key for a new request"
                    )
                return earlier, False
            if _waiting(connection) >= waiting:
                raise QueueFullError(f"{waiting} jobs wait already; come again later")
            row = connection.execute(
                "INSERT INTO jobs (id, owner, name, asked, fingerprint, key, callback, erase, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
                (new.id, new.owner, new.name, new.asked.model_dump_json(), new.fingerprint, new.key, new.callback,
                 new.erase, self._now()),
            ).fetchone()  # fmt: skip
            return Job.read(row), True

    def get(self, job: str) -> Job | None:
        """Return a job, if there is one of that name."""
        with self._database.read() as connection:
            return _maybe(connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone())

    def of_key(self, owner: str, key: str) -> Job | None:
        """Return the job that an idempotency key stands for."""
        with self._database.read() as connection:
            return _of_key(connection, owner, key)

    def listed(self, owner: str, *, limit: int, after: str | None = None) -> list[Job]:
        """Return an owner's jobs, newest first, those accepted before the job `after`."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT * FROM jobs WHERE owner = :owner AND (:after IS NULL OR number < "
                "(SELECT number FROM jobs WHERE id = :after AND owner = :owner)) ORDER BY number DESC LIMIT :limit",
                {"owner": owner, "after": after, "limit": limit},
            ).fetchall()
        return [Job.read(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Count jobs by state."""
        with self._database.read() as connection:
            return dict(map(tuple, connection.execute("SELECT state, count(*) FROM jobs GROUP BY state")))

    def cancel(self, job: str) -> None:
        """End a job that has not ended, and mark it erased in any case; what it was called is forgotten."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', ended = :now, holder = NULL "
                "WHERE id = :job AND state IN ('queued', 'running')",
                {"job": job, "now": self._now()},
            )
            connection.execute(
                "UPDATE jobs SET erased = coalesce(erased, :now), name = '', asked = '{}', version = version + 1 "
                "WHERE id = :job",
                {"job": job, "now": self._now()},
            )

    def erase(self, job: str) -> None:
        """Mark what an ended job leaves as erased."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET erased = :now, version = version + 1 "
                "WHERE id = :job AND erased IS NULL AND ended IS NOT NULL",
                {"job": job, "now": self._now()},
            )

    # ----------------------------------------------------------------------------------------- of those who work

    def claim(self, *, lease: float, attempts: int, at_once: int) -> Job | None:
        """Take the next job for `lease` seconds, if one is due and fewer than `at_once` are worked on.

        One whose lease ran out is due again; after `attempts` times it has failed.
        """
        now = self._now()
        with self._database.read() as connection:
            if not connection.execute(
                "SELECT EXISTS(SELECT 1 FROM jobs WHERE (state = 'queued' AND due <= :now) "
                "OR (state = 'running' AND lease < :now))",
                {"now": now},
            ).fetchone()[0]:
                return None
        with self._database.write() as connection:
            _give_up(connection, now, attempts)
            live = "SELECT count(*) FROM jobs WHERE state = 'running' AND lease >= ?"
            if connection.execute(live, (now,)).fetchone()[0] >= at_once:
                return None
            row = connection.execute(
                "UPDATE jobs SET state = 'running', holder = :holder, lease = :now + :lease, attempt = attempt + 1, "
                "started = coalesce(started, :now), seconds = 0, degraded = '{}', version = version + 1 "
                "WHERE number = (SELECT number FROM jobs WHERE (state = 'queued' AND due <= :now) "
                "OR (state = 'running' AND lease < :now) ORDER BY number LIMIT 1) RETURNING *",
                {"now": now, "lease": lease, "holder": secrets.token_hex(8)},
            ).fetchone()
            return _maybe(row)

    def held(self, job: Job) -> bool:
        """Tell whether this attempt is still the one that counts."""
        with self._database.read() as connection:
            return bool(
                connection.execute(
                    "SELECT EXISTS(SELECT 1 FROM jobs WHERE id = ? AND holder = ? AND state = 'running')",
                    (job.id, job.holder),
                ).fetchone()[0]
            )

    def renew(self, job: Job, *, lease: float) -> bool:
        """Say that this attempt is alive; whether it still counts."""
        return self._change(job, "lease = :now + :lease", lease=lease, news=0)

    def advance(self, job: Job, *, seconds: float, duration: float | None, degraded: Mapping[str, str]) -> bool:
        """Note how far this attempt is; whether it still counts."""
        columns = "seconds = :seconds, duration = :duration, degraded = :degraded"
        lost = json.dumps(dict(degraded))
        return self._change(job, columns, seconds=seconds, duration=duration, degraded=lost)

    def finish(
        self, job: Job, *, place: str, files: Mapping[str, str], degraded: Mapping[str, str], seconds: float
    ) -> bool:
        """Make the files of this attempt the result; whether it still counts (else nothing has happened)."""
        columns = "state = 'done', place = :place, files = :files, degraded = :degraded"
        columns += ", seconds = :seconds, duration = :seconds"
        names, lost = json.dumps(dict(files)), json.dumps(dict(degraded))
        return self._change(job, f"{columns}, {ENDS}", place=place, files=names, degraded=lost, seconds=seconds)

    def fail(self, job: Job, *, trouble: Trouble, reason: str) -> bool:
        """End the job without a result; whether this attempt still counts."""
        columns = f"state = 'failed', trouble = :trouble, reason = :reason, {ENDS}"
        return self._change(job, columns, trouble=trouble, reason=reason)

    def postpone(self, job: Job, *, delay: float, counted: bool) -> bool:
        """Put the job back for a while; an attempt that is not `counted` was none. Whether it still counts."""
        columns = (
            "state = 'queued', holder = NULL, due = :now + :delay, attempt = attempt - :back, waits = waits + :back"
        )
        return self._change(job, columns, delay=delay, back=int(not counted))

    def _change(self, job: Job, columns: str, *, news: int = 1, **values: Any) -> bool:
        known = {"now": self._now(), "job": job.id, "held": job.holder, "news": news}
        with self._database.write() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET {columns}, version = version + :news "  # noqa: S608  columns are written above
                "WHERE id = :job AND holder = :held AND state = 'running'",
                known | values,
            )
            return cursor.rowcount == 1

    # ------------------------------------------------------------------------------------- of those who clear up

    def expire(self, *, keep: float) -> list[str]:
        """Mark results as erased that are older than `keep` seconds; fail jobs that waited so long. Return all erased.

        What is known about a job is forgotten after six times as long again.
        """
        now = self._now()
        old = {"now": now, "old": now - keep, "ancient": now - 6 * keep}
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'failed', ended = :now, trouble = 'overload', version = version + 1, "
                "reason = 'it waited for too long without anybody free to begin; send it again later' "
                "WHERE state = 'queued' AND created < :old",
                old,
            )
            connection.execute(
                "UPDATE jobs SET erased = :now, version = version + 1 WHERE erased IS NULL AND ended < :old", old
            )
            connection.execute("DELETE FROM jobs WHERE erased < :ancient", old)
            return [row[0] for row in connection.execute("SELECT id FROM jobs WHERE erased IS NOT NULL")]

    def forgetful(self) -> list[str]:
        """Return the ended jobs whose clip was to be erased at the end."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id FROM jobs WHERE ended IS NOT NULL AND erased IS NULL AND erase = 1")
            return [row[0] for row in rows]

    def unknown(self, jobs: Sequence[str]) -> list[str]:
        """Return those that are no jobs."""
        with self._database.read() as connection:
            known = {row[0] for row in connection.execute("SELECT id FROM jobs")}
            return [job for job in jobs if job not in known]

    # ------------------------------------------------------------------------------------------ of those who call

    def take_call(self, *, hold: float) -> Job | None:
        """Take an ended job whose callback is due; nobody else gets it for `hold` seconds."""
        now = {"now": self._now()}
        with self._database.read() as connection:
            if connection.execute("SELECT 1 FROM jobs WHERE call_due <= :now LIMIT 1", now).fetchone() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE jobs SET call_due = :now + :hold, calls = calls + 1 WHERE number = "
                "(SELECT number FROM jobs WHERE call_due <= :now ORDER BY call_due LIMIT 1) RETURNING *",
                now | {"hold": hold},
            ).fetchone()
            return _maybe(row)

    def called(self, job: Job, *, end: str | None, delay: float = 0.0) -> None:
        """Note what became of a call: its `end`, or that it is to be tried again after `delay` seconds."""
        due = None if end is not None else self._now() + delay
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET call_due = ?, call_end = ? WHERE id = ? AND calls = ?", (due, end, job.id, job.calls)
            )


def _of_key(connection: sqlite3.Connection, owner: str, key: str | None) -> Job | None:
    if key is None:
        return None
    return _maybe(connection.execute("SELECT * FROM jobs WHERE owner = ? AND key = ?", (owner, key)).fetchone())


def _waiting(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM jobs WHERE state = 'queued'").fetchone()[0])


def _give_up(connection: sqlite3.Connection, now: float, attempts: int) -> None:
    """Fail the jobs whose last attempt gave no sign of life any more."""
    connection.execute(
        "UPDATE jobs SET state = 'failed', holder = NULL, ended = :now, trouble = 'lost', reason = :reason, "
        "version = version + 1 "
        "WHERE state = 'running' AND lease < :now AND attempt >= :attempts",
        {"now": now, "attempts": attempts, "reason": f"whoever worked on it was lost, {attempts} times; send it again"},
    )


def _maybe(row: sqlite3.Row | None) -> Job | None:
    return None if row is None else Job.read(row)
