"""What a server is and how it does: models, health, readiness, metrics."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pydantic_core
from fastapi import APIRouter
from starlette.responses import Response

from serve.http.answers import JSON
from serve.http.counts import CONTENT_TYPE
from serve.http.errors import Problem, documented
from serve.http.services import Services

PATIENCE = 5.0
"""Seconds within which whoever recognises must say what it is."""
TOLD = (
    "bundle",
    "members",
    "labels",
    "compound_pairs",
    "parts",
    "assets",
    "models",
    "versions",
    "placement",
    "processes",
)
_log = logging.getLogger(__name__)


def about_routes(services: Services) -> APIRouter:
    """Make the routes."""
    router = APIRouter(default_response_class=Response)

    @router.get("/v1/models", summary="Say what recognises here", tags=["server"], responses=_MODELS)
    async def models() -> Response:
        """Members with the labels they speak, versions, licences, and how much may be asked."""
        about = await _ask(services)
        told: dict[str, Any] = {name: about[name] for name in TOLD if name in about}
        return Response(pydantic_core.to_json(told | _limits(services)), media_type=JSON)

    @router.get("/healthz", summary="Say that the server lives", tags=["server"], responses=_state("alive", "bug"))
    async def healthz() -> Response:
        """Answers as long as the process does; needs no key."""
        return Response(b'{"alive":true}', media_type=JSON)

    @router.get("/readyz", summary="Say whether clips can be sent", tags=["server"], responses=_state("ready", "lost"))
    async def readyz() -> Response:
        """Whether the models are loaded and answer; needs no key."""
        await _ask(services)
        return Response(b'{"ready":true}', media_type=JSON)

    @router.get("/metrics", summary="Say what was counted", tags=["server"], responses=_METRICS)
    async def metrics() -> Response:
        """In the text format of Prometheus."""
        jobs = {} if services.jobs is None else await services.jobs.counts()
        admission = services.admission
        page = services.counts.page(busy=admission.busy, queued=admission.queued, jobs=jobs)
        return Response(page, headers={"Content-Type": CONTENT_TYPE})

    return router


async def _ask(services: Services) -> dict[str, Any]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await services.performer.about()
    except Exception:  # noqa: BLE001  whatever it is, it is logged, and told as one sentence
        _log.warning("whoever recognises clips did not answer", exc_info=True)
        raise Problem("lost", "whoever recognises clips does not answer; come again in a moment") from None


def _limits(services: Services) -> dict[str, Any]:
    http = services.settings.http
    limits = {
        "upload_bytes": http.upload,
        "clip_seconds": http.clip_seconds,
        "job_seconds": http.job_seconds,
        "rate_per_minute": http.rate,
    }
    return {"limits": limits, "live": services.live, "jobs": services.jobs is not None}


def _state(word: str, *kinds: Any) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "object", "required": [word], "properties": {word: {"const": True}}}
    content = {JSON: {"schema": schema, "example": {word: True}}}
    return {200: {"description": f"It is {word}", "content": content}} | documented("overload", *kinds)


_NAMES = {"type": "array", "items": {"type": "string"}}
_MODEL_SCHEMA = {
    "type": "object",
    "required": ["members", "labels", "limits", "live", "jobs"],
    "properties": {
        "bundle": {"type": "object", "properties": {"name": {"type": "string"}, "sha256": {"type": "string"}}},
        "members": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "labels": {"type": "object", "additionalProperties": _NAMES},
        "compound_pairs": {"type": "object", "additionalProperties": _NAMES},
        "limits": {"type": "object"},
        "live": {"type": "boolean", "description": "Whether /v1/live takes cameras."},
        "jobs": {"type": "boolean", "description": "Whether /v1/jobs takes clips."},
    },
}
_COMMON = documented("key", "rate", "bug", "overload", "lost")
_MODELS: dict[int | str, dict[str, Any]] = _COMMON | {
    200: {
        "description": "What recognises here",
        "content": {JSON: {"schema": _MODEL_SCHEMA, "example": {"members": [{"name": "face.static"}], "live": False}}},
    }
}
_METRICS: dict[int | str, dict[str, Any]] = _COMMON | {
    200: {
        "description": "Counts",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": "twofold_jobs 0\n"}},
    }
}
