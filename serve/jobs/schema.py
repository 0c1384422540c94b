"""How jobs look and what may be asked of them, for the OpenAPI description."""

from __future__ import annotations

from typing import Any

from serve.http.answers import EVENTS, JSON
from serve.http.errors import SCHEMA, Kind
from serve.jobs.results import TYPES

_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_TEXT = {"type": "string"}
_NAMES = {"type": "array", "items": _TEXT}
JOB: dict[str, Any] = {
    "type": "object",
    "title": "Job",
    "required": ["id", "state", "name", "created", "progress", "attempt", "degraded", "problem", "formats", "links"],
    "properties": {
        "id": _TEXT,
        "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
        "name": _TEXT | {"description": "What the clip is called; empty once it was erased."},
        "without": _NAMES,
        "tracks": {"enum": ["primary", "all"]},
        "prompts": _NAMES,
        "erase": {"type": "boolean"},
        "callback_url": {"type": ["string", "null"]},
        "created": _TEXT | {"format": "date-time"},
        "started": _MOMENT,
        "ended": _MOMENT,
        "erased": _MOMENT,
        "progress": {
            "type": "object",
            "required": ["seconds", "duration"],
            "properties": {
                "seconds": {"type": "number", "description": "Of the clip that are done."},
                "duration": {"type": ["number", "null"], "description": "Of the clip, where it is known."},
            },
        },
        "attempt": {"type": "integer", "description": "How often it was begun."},
        "degraded": {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Members that were lost, and why.",
        },
        "problem": {"anyOf": [{"type": "null"}, SCHEMA]},
        "formats": _NAMES | {"description": "In which the result can be had."},
        "links": {"type": "object", "additionalProperties": _TEXT},
    },
}
JOBS: dict[str, Any] = {
    "type": "object",
    "title": "Jobs",
    "required": ["jobs", "next"],
    "properties": {
        "jobs": {"type": "array", "items": JOB},
        "next": {"type": ["string", "null"], "description": "Where the list goes on; none at its end."},
    },
}
EXAMPLE: dict[str, Any] = {
    "id": "5r0Jc1kq3n8u2mZbXyWvTA",
    "state": "running",
    "name": "talk.mp4",
    "without": [],
    "tracks": "primary",
    "prompts": [],
    "erase": False,
    "callback_url": None,
    "created": "2026-05-09T10:00:00.000Z",
    "started": "2026-05-09T10:00:00.300Z",
    "ended": None,
    "erased": None,
    "progress": {"seconds": 4.0, "duration": 8.0},
    "attempt": 1,
    "degraded": {},
    "problem": None,
    "formats": [],
    "links": {
        "self": "/v1/jobs/5r0Jc1kq3n8u2mZbXyWvTA",
        "events": "/v1/jobs/5r0Jc1kq3n8u2mZbXyWvTA/events",
        "result": "/v1/jobs/5r0Jc1kq3n8u2mZbXyWvTA/result",
    },
}

COMMON: tuple[Kind, ...] = ("key", "rate", "bug", "overload")
SENDING: tuple[Kind, ...] = ("unreadable", "origin", "slow", "large", "media", "invalid", "url")
DESCRIPTION = """\
The answer comes as soon as the clip is on the disk; the job then stands at `Location`, survives a restart of the
server, and is erased some time after its end, or with `DELETE`. With `erase`, the clip is erased at the end and the
result once it was fetched.

With `callback_url`, the job is posted there when it has ended, with `Twofold-Signature: t=…,v1=…`: HMAC-SHA256 of
`t`, a dot and the body, with the secret that you share with this server. Calls are repeated until one is taken."""


def _job(status: int, description: str, *, moved: bool = False) -> dict[int | str, dict[str, Any]]:
    found: dict[str, Any] = {"description": description, "content": {JSON: {"schema": JOB, "example": EXAMPLE}}}
    if moved:
        found["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where the job stands."}}
    return {status: found}


SHOWN = _job(200, "The job")
ACCEPTED = _job(202, "It is accepted", moved=True) | _job(200, "It was accepted before, with the same key")
LISTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of jobs",
        "content": {JSON: {"schema": JOBS, "example": {"jobs": [EXAMPLE], "next": None}}},
    }
}
_EVENT = {
    "type": "object",
    "description": "Of each event.",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["progress", "done", "failed", "cancelled"]},
        "data": {"type": "string", "contentMediaType": JSON, "contentSchema": JOB},
    },
}
EVENTS_SENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events whose `data` is the job",
        "content": {EVENTS: {"schema": _EVENT, "example": "id: 3\nevent: progress\ndata: {}\n\n"}},
    },
    204: {"description": "Nothing follows the event that was seen last"},
}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The result",
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/Answer"}},
            **{media: {"schema": {"type": "string"}} for media in TYPES.values() if media != JSON},
        },
    }
}
