"""A camera or a microphone over a WebSocket: `/v1/live`.

The client begins with text, {"type":"begin","key":…,"audio_rate":16000,"without":[…]}, and then sends binary messages:
a byte that says what it is (1: a JPEG, 2: signed 16-bit sound, 16 kHz mono, low byte first), eight bytes of
microseconds since the beginning, high byte first, and the content. It is answered in text: `ready` with the latency to
expect at least, a `stretch` for every second or so (what is final, and what is likely `ahead` of that), `problem` with
a sentence, `end`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from modalities.config import Config
from serve.http.errors import Problem
from serve.http.keys import authorise, key_of
from serve.http.services import Services
from serve.orders import Event, LiveOrder, Refused, Stretch

KINDS: dict[int, Literal["frame", "sound"]] = {1: "frame", 2: "sound"}
HEAD = struct.Struct(">BQ")
LARGEST = 2_000_000
"""Bytes of a message."""
BEGIN_SECONDS, QUIET_SECONDS = 10.0, 30.0
"""For the first message, and without any."""
POLICY, TOO_BIG, BUSY = 1008, 1009, 1013
"""Codes with which a socket is closed (RFC 6455, and the registry's 1013)."""
_log = logging.getLogger(__name__)


class Begin(Config):
    """The first message."""

    type: Literal["begin"]
    key: str | None = None
    audio_rate: Literal[16000] = 16000
    without: tuple[str, ...] = Field((), max_length=64)
    tracks: Literal["primary", "all"] = "primary"


class Refusal(Exception):  # noqa: N818  it is one, not an error of ours
    """Why a session ends: a sentence, and the code to close with."""

    def __init__(self, detail: str, code: int = POLICY) -> None:
        super().__init__(detail)
        self.code = code


def live_routes(services: Services) -> APIRouter:
    """Make the route."""
    router, sessions = APIRouter(), _Sessions(services)

    @router.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        await sessions.take(socket)

    return router


class _Sessions:
    """All sessions of this process."""

    def __init__(self, services: Services) -> None:
        self._services, self._open = services, 0

    async def take(self, socket: WebSocket) -> None:
        """Answer a socket until it ends."""
        await socket.accept()
        code = 1000
        try:
            await self._session(socket)
        except WebSocketDisconnect:
            return
        except (Refusal, Problem) as refusal:
            code = refusal.code if isinstance(refusal, Refusal) else BUSY
            await _tell(socket, {"type": "problem", "detail": str(refusal)})
        except Exception:  # noqa: BLE001  the last one to catch it; the sentence tells nothing of the inside
            _log.exception("a live session failed")
            code = 1011
            await _tell(socket, {"type": "problem", "detail": "the program failed, and its log says how"})
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)

    async def _session(self, socket: WebSocket) -> None:
        begin, settings = await _begin(socket), self._services.settings.live
        authorise(self._services.keys, begin.key or key_of(socket.headers))
        if self._open >= settings.sessions:
            raise Refusal(f"{self._open} live sessions run, and more are not allowed; come again later", BUSY)
        self._open += 1
        try:
            async with self._services.admission.place():
                order = LiveOrder(
                    without=begin.without,
                    all_tracks=begin.tracks == "all",
                    stretch=settings.stretch,
                    seconds=settings.seconds,
                )
                await self._run(socket, order)
        finally:
            self._open -= 1

    async def _run(self, socket: WebSocket, order: LiveOrder) -> None:
        performer = self._services.performer
        inbox = performer.inbox()
        hearing = asyncio.create_task(_hear(socket, inbox))
        try:
            async with aclosing(performer.live(order, inbox)) as events:  # type: ignore[type-var]  # they are generators
                telling = asyncio.create_task(_say(socket, events, order, self._services))
                await asyncio.wait({hearing, telling}, return_when=asyncio.FIRST_COMPLETED)
                if hearing.done() and hearing.exception() is not None:
                    telling.cancel()
                    await asyncio.gather(telling, return_exceptions=True)
                    hearing.result()
                await telling
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            inbox.end()


async def _begin(socket: WebSocket) -> Begin:
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            return Begin.model_validate_json(await socket.receive_text())
    except TimeoutError:
        raise Refusal(f"nothing was said for {BEGIN_SECONDS:g} s; begin with a message of type begin") from None
    except KeyError:
        raise Refusal("the first message must be text of type begin, but it was binary") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:3])
        raise Refusal(f"the first message does not fit: {wrong}") from None


async def _hear(socket: WebSocket, inbox: Any) -> None:
    """Put what comes into the inbox, until the client ends."""
    while True:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                message = await socket.receive()
        except TimeoutError:
            raise Refusal(f"nothing came for {QUIET_SECONDS:g} s, so the session has ended") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        if (content := message.get("bytes")) is None:
            if '"end"' in (message.get("text") or ""):
                inbox.end()
                return
            raise Refusal("after the beginning, text may only be of type end; frames and sound are binary")
        inbox.put(*_opened(content))


def _opened(content: bytes) -> tuple[Literal["frame", "sound"], int, bytes]:
    if len(content) > LARGEST:
        raise Refusal(f"a message has {len(content)} bytes, but at most {LARGEST} are taken", TOO_BIG)
    if len(content) <= HEAD.size or content[0] not in KINDS:
        raise Refusal("a binary message is a byte (1: JPEG, 2: sound), eight of microseconds, and the content")
    kind, time = HEAD.unpack_from(content)
    return KINDS[kind], time, content[HEAD.size :]


async def _say(socket: WebSocket, events: AsyncIterator[Event], order: LiveOrder, services: Services) -> None:
    async for event in events:
        services.counts.saw(event)
        if isinstance(event, Refused):
            raise Refusal(event.reason, BUSY if event.why == "overload" else POLICY)
        if isinstance(event, Stretch):
            told = event.model_dump(mode="json", exclude={"event"})
            await _tell(socket, {"type": "stretch", **told})
        elif event.event == "begun":
            await _tell(socket, {"type": "ready", "latency": order.stretch})
    await _tell(socket, {"type": "end"})


async def _tell(socket: WebSocket, message: dict[str, Any]) -> None:
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.send_json(message)
