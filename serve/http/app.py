"""The app: all routes, and around them the guard. Plain FastAPI, so that a test runs it without Ray.

app = make_app(Services(ServerSettings(), await Conductor.load(bundle), jobs))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from importlib import metadata

from fastapi import FastAPI

from serve.http.about import about_routes
from serve.http.cors import allow_origins
from serve.http.description import describe
from serve.http.errors import answer_problems
from serve.http.guard import Guard
from serve.http.live import live_routes
from serve.http.page import page_routes
from serve.http.predict import predict_routes
from serve.http.services import Services
from serve.http.spool import sweep


def make_app(services: Services) -> FastAPI:
    """Make the app; KeysError where the file of keys cannot be used."""
    http = services.settings.http
    _ = services.keys  # a broken file is told now, not with the first request
    old = http.upload_seconds + http.answer_seconds + 3600

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(lambda: sweep(services.uploads, old))
        async with services.jobs or nullcontext():
            yield

    app = FastAPI(
        title="Twofold",
        version=metadata.version("twofold"),
        lifespan=life,
        openapi_url="/openapi.json",
        docs_url=None,  # these pages of FastAPI load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    answer_problems(app)
    for router in (predict_routes(services), about_routes(services), page_routes()):
        app.include_router(router)
    if services.jobs is not None:
        from serve.http.jobs import jobs_routes

        app.include_router(jobs_routes(services))
    if services.live:
        app.include_router(live_routes(services))
    app.add_middleware(Guard, services=services)
    if http.origins:
        allow_origins(app, http.origins)
    describe(app, services)
    return app
