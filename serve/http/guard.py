"""Around every request: who asks, how often, whether there is room; every answer is one, with the right headers.

    app.add_middleware(Guard, services=services)

It stands outside of all routes, so that a body is not read before it is clear that somebody may send one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.errors import Problem
from serve.http.keys import authorise, key_of
from serve.http.page import OPEN_PAGE
from serve.http.services import Services

OPEN = frozenset({"/", "/healthz", "/readyz", "/openapi.json"})
"""What needs no key; the page's files neither."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""On every answer that does not say otherwise."""
HEAD_LINES, HEAD_BYTES = 100, 32 << 10
"""Of a request, its path included."""
LINGER, LINGER_BYTES = 2.0, 16_000_000
"""Seconds and bytes for which a body nobody wants is still taken in, after the answer was sent: were the connection
closed at once, its sender would see an error of the network instead of the answer."""
GONE = 499
"""What is counted where the sender went away before the answer."""
_log = logging.getLogger(__name__)


class Guard:
    """The middleware."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "websocket" and not self._own_page(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        if scope["type"] != "http":  # who opens a socket says its key there
            await self._app(scope, receive, send)
            return
        exchange, counts, began = _Exchange(receive, send), self._services.counts, time.monotonic()
        counts.began()
        self._inside += 1
        try:
            await self._answer(scope, exchange)
        finally:
            self._inside -= 1
            counts.ended(_method(scope), _route(scope), exchange.status, time.monotonic() - began)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            exchange.headers |= self._admit(scope)
            await self._app(scope, exchange.receive, exchange.send)
        except Problem as problem:
            await _say(problem, scope, exchange)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception:  # noqa: BLE001  the last one to catch it
            _log.exception("%s %s failed", _method(scope), _route(scope))
            if exchange.begun:  # it cannot be taken back; the connection is closed, so that nobody believes it whole
                return
            await _say(Problem("bug", "the program failed, and its log says how; please report this"), scope, exchange)

    def _admit(self, scope: Scope) -> Mapping[str, str]:
        """Raise a Problem for a request that may not pass; else return what its answer says about the rate."""
        headers, path = Headers(scope=scope), scope["path"]
        _check_head(scope)
        if path in ("/healthz", "/readyz"):
            return {}
        if self._inside > self._services.settings.http.requests:
            raise Problem("overload", f"{self._inside - 1} requests are answered already; come again")
        if scope["method"] not in SAFE and not self._own_page(headers):
            raise Problem("origin", "the page of another site may not ask this; name it in http.origins to allow it")
        if path in OPEN or path.startswith(OPEN_PAGE):
            scope.setdefault("state", {})["owner"] = None
            return {}
        address = f"address {scope['client'][0] if scope.get('client') else '?'}"
        rates, keys = self._services.rates, self._services.keys
        try:
            owner = authorise(keys, key_of(headers))
        except Problem:
            if rates is not None:  # whoever guesses keys is slowed down too
                rates.take(address)
            raise
        scope.setdefault("state", {})["owner"] = owner
        return {} if rates is None else rates.take(address if keys is None else f"key {owner}")

    def _own_page(self, headers: Headers) -> bool:
        """Whether no other site's page sends this: a browser sends simple forms, and opens sockets, anywhere."""
        origin = headers.get("origin")
        if origin is None or origin in self._services.settings.http.origins:
            return True
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


class _Exchange:
    """A request and its answer as they pass: what was received, and what has been sent so far."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._read = self._gone = self._lingers = False
        self.status, self.begun = GONE, False
        self.headers: dict[str, str] = {}

    async def receive(self) -> Message:
        """Hand on what comes in."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._read = self._gone = True
        elif not message.get("more_body"):
            self._read = True
        return message

    async def send(self, message: Message) -> None:
        """Hand on what goes out, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in (HEADERS | self.headers).items():
                headers.setdefault(name, value)
            self._lingers = not self._read and message["status"] >= 400
        elif self._lingers and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        taken = 0
        try:
            async with asyncio.timeout(LINGER):
                while not self._read and taken < LINGER_BYTES:
                    taken += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _check_head(scope: Scope) -> None:
    """Refuse a head that no decent client sends; not every HTTP server in front has such limits."""
    size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope.get("raw_path") or b"")
    if len(scope["headers"]) > HEAD_LINES or size > HEAD_BYTES:
        raise Problem("headers", f"the head has more than {HEAD_LINES} lines or {HEAD_BYTES} bytes; send fewer")


async def _say(problem: Problem, scope: Scope, exchange: _Exchange) -> None:
    await problem.response()(scope, exchange.receive, exchange.send)


def owner_of(request: Request) -> str:
    """Return who asks: the name of the key, or `anyone`."""
    owner: str = request.state.owner
    return owner


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return scope["method"] if scope["method"] in known else "other"


def _route(scope: Scope) -> str:
    """Return the pattern of the route; never what was asked for, which may be anything."""
    return str(getattr(scope.get("route"), "path", "other"))
