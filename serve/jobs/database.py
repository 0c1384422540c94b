"""An SQLite file that several processes write to: a few connections, whole transactions, and errors that are sentences.

    with database.write() as connection:
        connection.execute("UPDATE …")

A write is on the disk when the block ends (`synchronous = FULL`). Whoever finds the file locked gets StoreBusyError
after a moment and may come again.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOMENT = 0.25
"""Seconds that one attempt waits for a lock, which holds a thread all the while."""
IDLE = 4
"""Connections kept open."""


class StoreError(RuntimeError):
    """The store cannot be used; the message says why."""


class StoreBusyError(StoreError):
    """Somebody else holds the store just now."""


class Database:
    """A file with a schema of one version. Safe to use from many threads."""

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self._path, self._schema, self._version = path, schema, version
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading."""
        with _told(self._path):
            connection = self._take()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._give(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a transaction, which is written at the end, or not at all if anything goes wrong."""
        with self.read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close what is open and not lent."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if len(self._idle) < IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=MOMENT, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            version = _version(connection)
            if version == 0:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(f"BEGIN IMMEDIATE; {self._schema}; COMMIT")
                version = _version(connection)
        except BaseException:
            connection.close()
            raise
        if version != self._version:
            connection.close()
            raise StoreError(
                f"{self._path} is a store of version {version}, but this program writes version {self._version}; "
                "use the program that made it, or give another folder in jobs.folder"
            )
        return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences; a mistake in our own SQL stays what it is."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusyError(f"somebody else holds {path}; try again in a moment") from error
        raise StoreError(f"{path} cannot be used ({error}); mend it, or give another folder in jobs.folder") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used ({error.strerror}); give another folder in jobs.folder") from error
