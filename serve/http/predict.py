"""A clip that is answered at once: `POST /v1/predict`, as one document or as events while it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pydantic_core
from fastapi import APIRouter, Request
from starlette.responses import Response

from serve.http.answers import EVENTS, JSON, LINES, EventStream, negotiate
from serve.http.asked import Asked, taken_as
from serve.http.errors import Kind, Problem, documented
from serve.http.services import Services
from serve.http.uploads import check_content, take
from serve.http.watching import perform
from serve.orders import Begun, Event, Order, Refused, Result, Stretch

OFFERS = (JSON, LINES, EVENTS)


def predict_routes(services: Services) -> APIRouter:
    """Make the route."""
    router = APIRouter()

    @router.post(
        "/v1/predict",
        summary="Recognise a short clip",
        description=_DESCRIPTION,
        tags=["clips"],
        response_class=Response,
        openapi_extra={"requestBody": taken_as(Asked)},
        responses=_RESPONSES | documented(*_PROBLEMS),
    )
    async def predict(request: Request) -> Response:
        kind = negotiate(request, OFFERS)
        check_content(request)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(services.admission.place())
            taken = stack.enter_context(await take(request, services, Asked))
            order = Order(
                clip=taken.path,
                name=taken.name,
                without=taken.asked.without,
                all_tracks=taken.asked.all_tracks,
                prompts=taken.asked.prompt,
                duration=services.settings.http.job_seconds,
                detail=kind != JSON,
            )
            seconds = services.settings.http.answer_seconds
            watch = await stack.enter_async_context(perform(services.performer, order, request.receive, seconds))
            events = _short(watch, services)
            if kind == JSON:
                return _document(await _last(events))
            first = await anext(events)
            if isinstance(first, Refused):
                raise Problem.of(first)
            return EventStream(_chain(first, events), kind, stack.pop_all())

    return router


async def _short(events: AsyncIterator[Event], services: Services) -> AsyncIterator[Event]:
    """Hand on events, until a clip proves too long to be answered at once."""
    most = services.settings.http.clip_seconds
    async for event in events:
        lasts = event.duration if isinstance(event, Begun) else event.end if isinstance(event, Stretch) else None
        if lasts is not None and lasts > most:
            reason = f"the clip lasts longer than the {most:g} s that are answered at once; send a job to /v1/jobs"
            event = Refused(why="clip", reason=reason)
        services.counts.saw(event)
        yield event
        if isinstance(event, Refused):
            return


async def _last(events: AsyncIterator[Event]) -> Result | Refused:
    async for event in events:
        if isinstance(event, Result | Refused):
            return event
    raise AssertionError("events end with a result or a refusal")


async def _chain(first: Event, rest: AsyncIterator[Event]) -> AsyncIterator[Event]:
    yield first
    async for event in rest:
        yield event


def _document(last: Result | Refused) -> Response:
    if isinstance(last, Refused):
        raise Problem.of(last)
    if last.document is None:
        raise Problem("bug", "there is a result, but no document; please report this")
    return Response(pydantic_core.to_json(last.document), media_type=JSON)


_PROBLEMS: tuple[Kind, ...] = (
    "unreadable", "key", "origin", "accept", "slow", "large", "media", "invalid", "clip", "wish", "url", "rate",
    "bug", "overload", "lost", "timeout",
)  # fmt: skip
_DESCRIPTION = """\
The clip is answered in the same request, and erased afterwards, whatever happens. What takes longer is a job.

As `application/json` the answer is the whole timeline. As `application/x-ndjson` or `text/event-stream` it is one event
after the other: `begun`, a `stretch` for every few seconds that are done, at last a `result` with the whole timeline,
or `refused`. Members that were lost stand under `degraded`, each with the reason."""
_EVENT = {
    "type": "object",
    "description": "Of each event; its data is an Event.",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["begun", "stretch", "result", "refused"]},
        "data": {"type": "string", "contentMediaType": JSON, "contentSchema": {"$ref": "#/components/schemas/Event"}},
    },
}
_LINE = '{"event":"begun","duration":8.0}\n{"event":"stretch","start":0.0,"end":4.0,"found":null,"degraded":{}}\n'
_SENT = 'event: begun\ndata: {"event":"begun","duration":8.0}\n\n'
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the clip shows, or events while it is found out",
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/Answer"}},
            LINES: {"schema": {"type": "string", "description": "Each line is an Event."}, "example": _LINE},
            EVENTS: {"schema": _EVENT, "example": _SENT},
        },
    }
}
