"""The file that a clip is written to while it comes in: limited, hashed, written by a thread."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import time
from pathlib import Path
from typing import Self

from serve.http.errors import Problem

BLOCK = 1 << 20
"""Bytes that are collected before a thread writes them."""


class Spool:
    """A new file of its own in a folder; its name is drawn, never given by anybody. In a block, an error erases it."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.path = folder / f"now-{secrets.token_hex(16)}"
        self.size = 0
        self._limit = limit
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._file = self.path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.erase()

    async def write(self, data: bytes) -> None:
        """Take some more; a Problem where it is too much."""
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._waiting += data
        if len(self._waiting) >= BLOCK:
            await self._flush()

    async def close(self) -> Self:
        """Write what is left."""
        await self._flush()
        self._file.close()
        return self

    @property
    def sha256(self) -> str:
        """Of everything written."""
        return self._hash.hexdigest()

    def erase(self) -> None:
        """Remove the file, whether it is whole or not."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        block, self._waiting = bytes(self._waiting), bytearray()
        await asyncio.to_thread(self._put, block)

    def _put(self, block: bytes) -> None:
        self._hash.update(block)
        self._file.write(block)


def too_large(limit: int) -> Problem:
    """Word the refusal of a clip with too many bytes."""
    return Problem("large", f"the clip has more than {limit / 1e6:g} MB; send a shorter or smaller one")


def sweep(folder: Path, age: float) -> None:
    """Remove what a process that was killed left behind: files that no request can still be about."""
    for path in folder.glob("now-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > age:
                path.unlink()
