"""Jobs over HTTP: a clip is accepted at once and worked on while nobody waits; its result is fetched later."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from serve.http.answers import EVENTS, negotiate
from serve.http.asked import Asked, Plain, taken_as
from serve.http.errors import Problem, documented
from serve.http.guard import owner_of
from serve.http.services import Services
from serve.http.uploads import Taken, check_content, take
from serve.http.urls import UrlError, named
from serve.jobs import job as kept
from serve.jobs.jobs import Jobs
from serve.jobs.results import TYPES, Format, result_of
from serve.jobs.schema import ACCEPTED, COMMON, DESCRIPTION, EVENTS_SENT, LISTED, RESULT, SENDING, SHOWN
from serve.jobs.store import KeyTakenError, QueueFullError, StoreError
from serve.jobs.watch import sent_events
from serve.signature import SECRET

COME_AGAIN = 5.0
"""Seconds after which to come again where the queue is full or the store is locked."""
_log = logging.getLogger(__name__)
_IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        pattern="^[!-~]+$",
        description="The same key with the same request is the same job: a request may be sent again.",
    ),
]


class JobAsked(Asked):
    """What a job may be asked, beside what a clip is asked."""

    callback_url: Plain | None = Field(
        None,
        description="Called at the end with the job, signed; its host must be one that this server names.",
        examples=["https://example.org/twofold"],
    )


def jobs_routes(services: Services) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["jobs"], default_response_class=Response)
    _send(router, services, services.jobs)
    _look(router, services.jobs)
    _fetch(router, services.jobs)
    return router


def _send(router: APIRouter, services: Services, jobs: Jobs) -> None:
    @router.post(
        "/v1/jobs",
        status_code=202,
        summary="Send a clip as a job",
        description=DESCRIPTION,
        openapi_extra={"requestBody": taken_as(JobAsked)},
        responses=ACCEPTED | documented(*COMMON, *SENDING),
    )
    async def submit(request: Request, key: _IdempotencyKey = None) -> Response:
        owner = owner_of(request)
        check_content(request)
        with _told():
            await jobs.check_room(owner, key)
            with await take(request, services, JobAsked) as taken:
                check_callback(taken.asked.callback_url, services)
                job, new = await jobs.accept(taken.path, new_job(taken, owner, key))
        return _shown(job, 202 if new else 200)


def _look(router: APIRouter, jobs: Jobs) -> None:
    store = jobs.store

    @router.get("/v1/jobs", summary="List the jobs of this key", responses=LISTED | documented(*COMMON, "invalid"))
    async def listed(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100, description="Jobs on a page.")] = 20,
        after: Annotated[str | None, Query(max_length=100, description="The last job of the page before.")] = None,
    ) -> Response:
        """Newest first. Where keys are not demanded, everybody's jobs belong to everybody."""
        owner = owner_of(request)
        with _told():
            if after is not None and await _find(jobs, after, owner) is None:
                raise Problem("invalid", "the job that the list is to go on after is not known; begin it anew")
            found = await store.ask(store.listed, owner, limit=limit + 1, after=after)
        page, more = found[:limit], len(found) > limit
        following = f"/v1/jobs?limit={limit}&after={page[-1].id}" if more else None
        return JSONResponse({"jobs": [job.document() for job in page], "next": following})

    @router.get("/v1/jobs/{job}", summary="Say how far a job is", responses=SHOWN | documented(*COMMON, "missing"))
    async def shown(job: str, request: Request) -> Response:
        """The job as it stands."""
        return _shown(await _own(jobs, job, request), 200)

    @router.get(
        "/v1/jobs/{job}/events",
        summary="Follow a job",
        responses=EVENTS_SENT | documented(*COMMON, "missing", "accept"),
    )
    async def events(
        job: str, request: Request, last_event_id: Annotated[str | None, Header(max_length=100)] = None
    ) -> Response:
        """Server-sent events: `progress` again and again, then `done`, `failed` or `cancelled`, and the stream ends."""
        negotiate(request, (EVENTS,))
        now = await _own(jobs, job, request)
        seen = int(last_event_id) if last_event_id and re.fullmatch("[0-9]{1,15}", last_event_id) else -1
        if now.over and now.version == seen:  # a browser asks on and on until it is told that nothing follows
            return Response(status_code=204)
        return StreamingResponse(
            sent_events(store, now, seen=seen), media_type=EVENTS, headers={"X-Accel-Buffering": "no"}
        )


def _fetch(router: APIRouter, jobs: Jobs) -> None:
    @router.get(
        "/v1/jobs/{job}/result",
        summary="Fetch what a job found",
        responses=RESULT | documented(*COMMON, "missing", "accept", "conflict", "gone", "invalid"),
    )
    async def result(
        job: str,
        request: Request,
        form: Annotated[Format | None, Query(alias="format", description="Else as `Accept` says.")] = None,
    ) -> Response:
        """The timeline as JSON, as a table (CSV, Parquet), as the ABAW challenge has it, or as a picture."""
        now = await _own(jobs, job, request)
        return await result_of(jobs, now, form or _liked(request), request)

    @router.delete(
        "/v1/jobs/{job}",
        status_code=204,
        summary="Cancel a job and erase it",
        responses=documented(*COMMON, "missing"),
    )
    async def cancel(job: str, request: Request) -> Response:
        """Work on it stops; the clip and the result are erased. May be asked again."""
        now = await _own(jobs, job, request)
        with _told():
            await jobs.cancel(now.id)
        return Response(status_code=204)


def new_job(taken: Taken[JobAsked], owner: str, key: str | None) -> kept.NewJob:
    """Make a job of a clip that came in."""
    asked = taken.asked
    sent = [taken.sha256, asked.model_dump(mode="json", exclude={"url"})]
    return kept.NewJob(
        id=secrets.token_urlsafe(16),
        owner=owner,
        name=taken.name,
        asked=kept.Asked(without=asked.without, all_tracks=asked.all_tracks, prompts=asked.prompt),
        fingerprint=hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest(),
        key=key,
        callback=asked.callback_url,
        erase=asked.erase,
    )


def check_callback(url: str | None, services: Services) -> None:
    """Raise a Problem for an address that will not be called."""
    if url is None:
        return
    try:
        named(url, services.settings.http.callbacks)
    except UrlError as error:
        raise Problem("url", f"callback_url cannot be used: {error}") from None
    if not os.environ.get(SECRET):
        raise Problem("url", f"callback_url cannot be used: this server has no secret to sign with ({SECRET}); poll")


def _liked(request: Request) -> Format:
    liked = negotiate(request, tuple(TYPES.values()))
    return next(form for form, media in TYPES.items() if media == liked)


async def _find(jobs: Jobs, name: str, owner: str) -> kept.Job | None:
    job = await jobs.store.ask(jobs.store.get, name)
    return job if job is not None and job.owner == owner else None


async def _own(jobs: Jobs, name: str, request: Request) -> kept.Job:
    with _told():
        job = await _find(jobs, name, owner_of(request))
    if job is None:
        raise Problem("missing", "there is no such job of yours; it may be long over")
    return job


@contextmanager
def _told() -> Iterator[None]:
    """Say over HTTP what the store says."""
    try:
        yield
    except KeyTakenError as error:
        raise Problem("invalid", str(error)) from None
    except QueueFullError as error:
        raise Problem("overload", str(error), again=COME_AGAIN) from None
    except StoreError as error:
        _log.warning("a request about jobs failed: %s", error)
        reason = "jobs can be neither read nor written down just now; come again in a moment"
        raise Problem("overload", reason, again=COME_AGAIN) from None


def _shown(job: kept.Job, status: int) -> Response:
    return JSONResponse(job.document(), status, {"Location": f"/v1/jobs/{job.id}"} if status != 200 else None)
