"""Pages of other sites that may ask, where the settings name them (CORS)."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from serve.http.errors import Problem

SENT = ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Accept")
READ = ("Location", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")


class _Cors(CORSMiddleware):
    """As the framework has it, but a refusal is a problem like any other."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        return Problem(
            "origin", "the page of this site may not ask that; name it in http.origins to allow it"
        ).response()


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Let pages of these sites ask; they bring a key themselves, never a cookie."""
    app.add_middleware(
        _Cors,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=list(SENT),
        expose_headers=list(READ),
        max_age=600,
    )
