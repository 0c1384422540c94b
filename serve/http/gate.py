"""The gate: the deployment that answers HTTP. It holds the app, and hands clips on to the conductors."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from ray import serve

from serve.graph.placement import Placement
from serve.graph.through import Graph
from serve.http.app import make_app
from serve.http.services import Services
from serve.jobs.jobs import Jobs
from serve.settings import ServerSettings


@serve.ingress()
class Gate:
    """Answers HTTP."""

    def __init__(self, conductor: Any, placement: Placement, settings: ServerSettings) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        graph = Graph(conductor, placement)
        self._services = Services(settings, graph, Jobs(settings, graph), live=settings.live.sessions > 0)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return make_app(self._services)
