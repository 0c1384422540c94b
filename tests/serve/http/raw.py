"""Requests byte by byte, as no decent client sends them."""

import contextlib
import json
import socket
from dataclasses import dataclass

TIMEOUT = 30


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 where the connection was closed without an answer."""

    status: int
    headers: dict
    body: bytes

    @property
    def kind(self):
        """The last word of a problem's type."""
        if "problem+json" not in self.headers.get("content-type", ""):
            return None
        return json.loads(self.body)["type"].rsplit(":", 1)[-1]


def ask(server, *pieces, finish=False):
    """Send pieces, each by itself; `finish` says that no more comes. Returns the first answer that is not "go on"."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as line:
        with contextlib.suppress(ConnectionError):  # who is refused may be cut off while still sending
            for piece in pieces:
                line.sendall(piece)
            if finish:
                line.shutdown(socket.SHUT_WR)
        return _read(line, bodiless=bool(pieces) and pieces[0].startswith(b"HEAD "))


def head(method, path, *headers, length=None):
    """Return the beginning of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(content_type, body, path="/v1/predict"):
    """Return a whole request with a body."""
    return head("POST", path, f"Content-Type: {content_type}", length=len(body)) + body


def _read(line, *, bodiless):
    data = b""
    with contextlib.suppress(ConnectionError):
        while True:
            start, divided, rest = data.partition(b"\r\n\r\n")
            if divided and start.startswith(b"HTTP/1.1 1"):
                data = rest
                continue
            if divided and bodiless:
                return _answer(start, b"")
            if divided and len(rest) >= _length(start):
                return _answer(start, rest[: _length(start)])
            more = line.recv(65536)
            if not more:
                break
            data += more
    start, divided, rest = data.partition(b"\r\n\r\n")
    return _answer(start, rest) if divided else Answer(0, {}, data)


def _length(start):
    return int(_headers(start).get("content-length", 1 << 40))


def _headers(start):
    pairs = (line.partition(b":") for line in start.split(b"\r\n")[1:])
    return {name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in pairs}


def _answer(start, body):
    return Answer(int(start.split()[1]), _headers(start), body)
