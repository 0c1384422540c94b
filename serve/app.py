"""The application: a bundle as a Serve graph behind HTTP.

twofold serve runs/demo/bundle
serve run serve.app:build bundle=runs/demo/bundle settings=server.toml      # Ray's own command, the same graph
serve deploy serve.yaml                                                     # on a cluster
"""

# no `from __future__ import annotations`: by the type of what `build` takes, Ray knows what to make of its arguments
import os
from pathlib import Path
from typing import Literal

import ray
from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application

from ensemble.manifest import read_manifest
from serve.graph.graph import bind_conductor
from serve.graph.placement import GATE, Placement, Resources, place
from serve.http.gate import Gate
from serve.settings import ServerSettings, read_settings


class Arguments(BaseModel):
    """What `serve run` and `serve deploy` may say."""

    model_config = ConfigDict(extra="forbid")

    bundle: str
    settings: str | None = None
    placement: Literal["auto", "compact", "spread"] | None = None


def build(arguments: Arguments) -> Application:
    """Make the application of a bundle."""
    settings = read_settings(Path(arguments.settings) if arguments.settings else None)
    if arguments.placement:
        graph = settings.graph.model_copy(update={"placement": arguments.placement})
        settings = settings.model_copy(update={"graph": graph})
    return application(Path(arguments.bundle), settings)[0]


def application(folder: Path, settings: ServerSettings) -> tuple[Application, Placement]:
    """Make the application of a bundle, for the Ray that runs."""
    manifest, settings = read_manifest(folder), settings.absolute()
    placement = place(manifest["settings"], settings.graph, resources())
    conductor = bind_conductor(folder, placement, settings.graph)
    gate = serve.deployment(Gate).options(
        name=GATE, max_ongoing_requests=settings.http.requests, **placement.gate.options
    )
    return gate.bind(conductor, placement, settings), placement


def resources() -> Resources:
    """Return what the machine or cluster has."""
    if not ray.is_initialized():  # `serve run` builds first, and starts Ray on this machine afterwards
        return Resources(float(len(os.sched_getaffinity(0))), float(len(list(Path("/dev").glob("nvidia[0-9]*")))))
    there = ray.cluster_resources()
    return Resources(float(there.get("CPU", 1)), float(there.get("GPU", 0)))
