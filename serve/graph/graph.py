"""The graph: deployments bound together by handles, as a placement says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray import serve
from ray.serve import Application

from serve.graph.placement import CONDUCTOR, Claim, Placement
from serve.graph.replicas import ONGOING, STUCK, ConductorReplica, CueReplica, HostReplica
from serve.settings import GraphSettings

HEALTH = {"health_check_period_s": 2, "health_check_timeout_s": 30}


def cue_name(name: str) -> str:
    """Name the deployment of a cue."""
    return f"cue.{name}"


def host_name(name: str) -> str:
    """Name the deployment of a modality."""
    return f"modality.{name}"


def bind_conductor(folder: Path, placement: Placement, settings: GraphSettings) -> Application:
    """Bind a conductor and all that it needs."""
    bundle, threads = str(folder.resolve()), settings.threads

    def cue(name: str, claim: Claim) -> tuple[Application, float]:
        deployment = serve.deployment(CueReplica).options(name=cue_name(name), **limits, **claim.options)
        return deployment.bind(bundle, name, threads, claim.timeout), claim.timeout

    def host(name: str, claim: Claim) -> tuple[Application, float]:
        deployment = serve.deployment(HostReplica).options(name=host_name(name), **limits, **claim.options)
        return deployment.bind(bundle, name, threads, claim.timeout, claim.batch), claim.timeout

    limits: dict[str, Any] = {"max_ongoing_requests": ONGOING, **HEALTH}
    cues = {name: cue(name, claim) for name, claim in placement.cues.items()}
    hosts = {name: host(name, claim) for name, claim in placement.hosts.items()}
    apart = placement.kind == "spread"
    conductor = serve.deployment(ConductorReplica).options(
        name=CONDUCTOR, max_ongoing_requests=placement.at_once + 1, **HEALTH, **placement.conductor.options
    )
    patience = 2 * STUCK * placement.conductor.timeout
    return conductor.bind(
        bundle, threads, placement.at_once, patience, cues if apart else None, hosts if apart else None
    )
