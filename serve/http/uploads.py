"""Uploads: the clip of a request on disk, streamed there with limits, or fetched from where the request says.

with await take(request, services, Asked) as taken:        # erased at the end, whatever happens
    ...                                                    # taken.path, taken.name, taken.asked
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

from fastapi import Request

from serve.http.asked import Asked
from serve.http.errors import Problem
from serve.http.forms import OVERHEAD, Form
from serve.http.services import Services
from serve.http.spool import Spool, too_large
from serve.http.urls import UrlError, fetch

JSON_BYTES = 64 << 10
SILENCE, PACE = 20.0, 2048
"""Seconds in which something must come, and bytes per second after them."""
FORM, JSON = "multipart/form-data", "application/json"
A = TypeVar("A", bound=Asked)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken(Generic[A]):
    """A clip that came in whole, and what is asked about it."""

    path: Path
    name: str
    """What the sender calls it; for answers only."""
    size: int
    sha256: str
    asked: A

    def erase(self) -> None:
        """Remove the clip; a second time too."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()


def check_content(request: Request) -> str:
    """Return the kind of a request's content; a Problem, before anything is read, where it cannot be taken."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (FORM, JSON):
        raise Problem("media", f"a clip is sent as {FORM} with the field file, or as {JSON} with its url")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem("media", "the content is compressed; send its bytes as they are")
    return kind


async def take(request: Request, services: Services, wanted: type[A]) -> Taken[A]:
    """Take the clip of a request in; whoever gets it erases it. Nothing is left where this fails."""
    kind, http = check_content(request), services.settings.http
    most = http.upload + OVERHEAD if kind == FORM else JSON_BYTES
    if (length := request.headers.get("content-length", "")).isascii() and length.isdigit() and int(length) > most:
        raise too_large(http.upload) if kind == FORM else Problem("large", _LONG_JSON)
    try:
        async with asyncio.timeout(http.upload_seconds):
            with Spool(services.uploads, http.upload) as spool:
                if kind == FORM:
                    return await _take_form(request, spool, wanted, most)
                return await _take_json(request, spool, wanted, http.urls)
    except TimeoutError:
        reason = f"the clip was not there after {http.upload_seconds:g} s; send a smaller one"
        raise Problem("slow" if kind == FORM else "url", reason) from None
    except UrlError as error:
        raise Problem("url", str(error)) from None
    except OSError:
        _log.exception("a clip could not be written")
        raise Problem("overload", "the server cannot keep the clip now; come again later", again=60) from None


async def _take_form(request: Request, spool: Spool, wanted: type[A], most: int) -> Taken[A]:
    form, seen = Form(request.headers["content-type"]), 0
    async for data in arriving(request):
        seen += len(data)
        if seen > most:  # also what lies before, between and after the parts
            raise too_large(most)
        for piece in form.feed(data):
            await spool.write(piece)
    form.finish()
    await spool.close()
    return Taken(spool.path, form.name or "clip", spool.size, spool.sha256, wanted.of_form(form.fields))


async def _take_json(request: Request, spool: Spool, wanted: type[A], hosts: Sequence[str]) -> Taken[A]:
    body = bytearray()
    async for data in arriving(request):
        body += data
        if len(body) > JSON_BYTES:
            raise Problem("large", _LONG_JSON)
    asked = wanted.of_json(bytes(body))
    name = await fetch(str(asked.url), hosts, spool)
    await spool.close()
    return Taken(spool.path, name, spool.size, spool.sha256, asked)


async def arriving(request: Request, silence: float = SILENCE, pace: float = PACE) -> AsyncIterator[bytes]:
    """Hand on what comes in, as long as it comes at a pace; who drips holds a place that others wait for."""
    stream, began, seen = aiter(request.stream()), time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(silence):
                data = await anext(stream, None)
        except TimeoutError:
            raise Problem("slow", f"nothing came for {silence:g} s; send the clip again") from None
        if data is None:
            return
        seen += len(data)
        if seen < pace * (time.monotonic() - began - silence):
            raise Problem("slow", f"less than {pace:g} bytes came in a second; send the clip again")
        yield data


_LONG_JSON = f"the JSON has more than {JSON_BYTES} bytes; say less"
