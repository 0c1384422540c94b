"""Which answer a client wants, and events as they go over the wire: one JSON object per line, or server-sent events."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pydantic_core
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve.http.errors import Problem
from serve.orders import Event

JSON, LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
_log = logging.getLogger(__name__)


def negotiate(request: Request, offers: Sequence[str]) -> str:
    """Return the kind of answer that a client likes best; a Problem where it takes none of them."""
    accept = ",".join(request.headers.getlist("accept")).strip()
    if not accept:
        return offers[0]
    ranges = [_range(one) for one in accept.split(",") if one.strip()]
    ranked = []
    for place, offer in enumerate(offers):
        fitting = [(exact, liked) for kind, liked in ranges if (exact := _exactness(kind, offer)) is not None]
        if fitting and (best := max(fitting))[1] > 0:
            ranked.append((best[1], best[0], -place, offer))
    if not ranked:
        raise Problem("accept", f"there are answers as {', '.join(offers)}; accept one of them")
    return max(ranked)[3]


def _range(text: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _exactness(kind: str, offer: str) -> int | None:
    """How closely a range names an offer: 2 exactly, 1 its family, 0 anything."""
    if kind == offer:
        return 2
    if kind == f"{offer.partition('/')[0]}/*":
        return 1
    return 0 if kind in ("*/*", "*") else None


def encoded(event: Event, kind: str) -> bytes:
    """Put an event on the wire. No file of this machine is ever named."""
    text = pydantic_core.to_json(event.model_dump(exclude={"files"}))
    return text + b"\n" if kind == LINES else b"event: " + event.event.encode() + b"\ndata: " + text + b"\n\n"


class EventStream(Response):
    """Events, each sent as soon as it is there; before the end, and where the client goes away, `closing` is closed."""

    def __init__(self, events: AsyncIterator[Event], kind: str, closing: AsyncExitStack) -> None:
        super().__init__(media_type=f"{kind}; charset=utf-8" if kind == EVENTS else kind)
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"  # proxies that collect answers
        self._events, self._kind, self._closing = events, kind, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  an ASGI app's
        """Send them."""
        async with self._closing:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for event in self._events:
                await send({"type": "http.response.body", "body": encoded(event, self._kind), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
