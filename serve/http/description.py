"""The OpenAPI description: what FastAPI derives from the routes, and the schemas and keys that it cannot know of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

import ensemble
from serve.http.errors import SCHEMA, Kind, documented
from serve.http.guard import OPEN, SAFE
from serve.http.services import Services
from serve.orders import Event

ABOUT = """\
A clip in, a timeline out: compound and basic expressions, valence and arousal, action units, and who said what.

These are apparent expressions, not inner states. Every error is a problem (RFC 9457) whose `detail` is one sentence."""
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, as `twofold key NAME` makes it."},
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same key in a header of its own.",
    },
}


def describe(app: FastAPI, services: Services) -> None:
    """Give the app its description; it is made when first asked for, and kept."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, with_keys=services.keys is not None)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to change the description


def _describe(app: FastAPI, *, with_keys: bool) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    components = made.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas())
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["securitySchemes"] = SCHEMES
    made["security"] = [{"bearer": []}, {"key": []}] if with_keys else [{}, {"bearer": []}, {"key": []}]
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _complete(operation["responses"], open_to_all=path in OPEN, safe=method.upper() in SAFE)
            if path in OPEN:
                operation["security"] = []
    return made


def _complete(answers: dict[str, Any], *, open_to_all: bool, safe: bool) -> None:
    """Say what the guard may answer, and what the framework does where a route does not say it."""
    if "HTTPValidationError" in str(answers.get("422")):
        answers["422"] = documented("invalid")[422]
    guarded: tuple[Kind, ...] = ("headers", "overload", "bug")
    guarded += () if open_to_all else ("key", "rate")
    guarded += () if safe else ("origin",)
    for status, answer in documented(*guarded).items():
        answers.setdefault(str(status), answer)


def _schemas() -> dict[str, Any]:
    answer = _timeline()
    parts = {f"Timeline_{name}": schema for name, schema in answer.pop("$defs", {}).items()}
    answer = {name: value for name, value in answer.items() if not name.startswith("$")}
    event = TypeAdapter(Event).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    events = event.pop("$defs")
    return {"Problem": SCHEMA, "Answer": answer, "Event": event, **parts, **events}


def _timeline() -> dict[str, Any]:
    """Read the published schema of a timeline. Found without importing its package, which would bring torch."""
    text = Path(ensemble.__file__).with_name("write").joinpath("timeline.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.replace('"#/$defs/', '"#/components/schemas/Timeline_'))
    return found
