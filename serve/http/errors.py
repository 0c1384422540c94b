"""Problems: everything that goes wrong is one JSON object (RFC 9457) with a stable type and one sentence.

    raise Problem("large", "the clip has more than 200 MB; send a shorter one")

Nothing in an answer is a path of the server or a traceback: what a person is to read is written by hand, where it is
raised, and what nobody foresaw stands in the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pydantic_core
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from serve.orders import Refused

MEDIA_TYPE = "application/problem+json"
Kind = Literal[
    "unreadable", "key", "origin", "missing", "method", "accept", "slow", "conflict", "gone", "large", "media",
    "invalid", "clip", "wish", "url", "rate", "headers", "bug", "overload", "lost", "timeout",
]  # fmt: skip
KINDS: Mapping[Kind, tuple[int, str]] = {
    "unreadable": (400, "The request cannot be read"),
    "key": (401, "A key is needed"),
    "origin": (403, "Another site may not ask this"),
    "missing": (404, "There is nothing here"),
    "method": (405, "This cannot be asked here"),
    "accept": (406, "There is no such answer"),
    "slow": (408, "The request came too slowly"),
    "conflict": (409, "Not now"),
    "gone": (410, "It was erased"),
    "large": (413, "Too large"),
    "media": (415, "This kind of content is not taken"),
    "invalid": (422, "The request does not fit"),
    "clip": (422, "The clip cannot be used"),
    "wish": (422, "This bundle cannot do that"),
    "url": (422, "The address cannot be used"),
    "rate": (429, "Too many requests"),
    "headers": (431, "The head of the request is too large"),
    "bug": (500, "The program failed"),
    "overload": (503, "No room now"),
    "lost": (503, "Nobody is left who could answer"),
    "timeout": (504, "It took too long"),
}
"""Kind → status and title; the kind is the last word of the type, and stays."""
AGAIN = {"overload": 2, "lost": 5}
"""Seconds after which to come again, where nobody says better."""
MOST = 20
"""Errors that are told of one request."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:twofold:problem:[a-z]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "One sentence: what was given, what is expected, what to do."},
        "errors": {
            "description": "Where several things do not fit: each with its place.",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


class Problem(Exception):  # noqa: N818  it is what RFC 9457 calls it
    """An answer that is no result."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        again: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors = kind, detail, tuple(errors)
        self.status, self.title = KINDS[kind]
        self.headers = dict(headers or {})
        if (wait := AGAIN.get(kind) if again is None else again) is not None:
            self.headers["Retry-After"] = str(max(1, int(-(-wait // 1))))

    @classmethod
    def of(cls, refused: Refused) -> Problem:
        """Say over HTTP why a performer refused."""
        return cls(refused.why, refused.reason)

    @classmethod
    def unfit(
        cls, error: ValidationError | RequestValidationError, detail: str = "the request does not fit"
    ) -> Problem:
        """Say what does not fit, and where."""
        errors = [
            {"pointer": "#" + "".join(f"/{_step(step)}" for step in one["loc"]), "detail": str(one["msg"])}
            for one in error.errors()[:MOST]
        ]
        said = "; ".join(f"{one['pointer'].removeprefix('#/') or 'it'}: {one['detail']}" for one in errors[:3])
        return cls("invalid", f"{detail}: {said}", errors=errors)

    def document(self) -> dict[str, Any]:
        """Return what the answer holds."""
        told = {"type": f"urn:twofold:problem:{self.kind}", "title": self.title, "status": self.status}
        return told | {"detail": self.detail} | ({"errors": list(self.errors)} if self.errors else {})

    def response(self) -> Response:
        """Return the answer."""
        return Response(pydantic_core.to_json(self.document()), self.status, self.headers, MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Make an app answer problems for whatever its routes raise; what nobody foresaw is caught around the app."""

    @app.exception_handler(Problem)
    async def raised(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def unfit(_: Request, error: RequestValidationError) -> Response:
        return Problem.unfit(error).response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return _of_framework(request, error).response()


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describe problems for OpenAPI, as the `responses` of a route."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        status, title = KINDS[kind]
        shown = {"type": f"urn:twofold:problem:{kind}", "title": title, "status": status, "detail": "one sentence"}
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}}
        entry = found.setdefault(status, {"description": title, "content": content})
        entry["content"][MEDIA_TYPE]["examples"][kind] = {"value": shown}
        if title not in entry["description"]:
            entry["description"] += f"; or: {title}"
    return found


def _step(step: int | str) -> str:
    """Write a step of a JSON pointer; names come from strangers."""
    return str(step)[:100].replace("~", "~0").replace("/", "~1")


def _of_framework(request: Request, error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return Problem("missing", "there is nothing at this address; /openapi.json says what there is")
    if error.status_code == 405:
        allowed = headers.get("Allow") or headers.get("allow") or "another method"
        return Problem("method", f"this address does not take {request.method}; use {allowed}", headers=headers)
    if error.status_code < 500:
        return Problem("unreadable", "the request cannot be read; /openapi.json says what is taken")
    return Problem("bug", "the program failed, and its log says how; please report this")
