"""Counts for Prometheus: requests, how long they take, who waits, and which members were absent."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serve.orders import Event, Result

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Counts:
    """What a process that answers HTTP has counted; a registry of its own, so that two in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        told = self._registry
        self._requests = Counter("twofold_requests", "Requests answered.", ["method", "route", "status"], registry=told)
        self._seconds = Histogram(
            "twofold_request_seconds", "Until answered.", ["route"], buckets=SECONDS, registry=told
        )
        self._flight = Gauge("twofold_requests_in_flight", "Requests being answered.", registry=told)
        self._busy = Gauge("twofold_predictions_busy", "Clips worked on while their sender waits.", registry=told)
        self._queued = Gauge("twofold_predictions_waiting", "Clips that wait for a free process.", registry=told)
        self._refused = Counter("twofold_refusals", "Clips that were refused.", ["why"], registry=told)
        self._absent = Counter(
            "twofold_member_absent", "Results without a member that was lost.", ["member"], registry=told
        )
        self._parts = Histogram(
            "twofold_part_seconds",
            "Waited for a cue, or for a modality with its members, in one clip.",
            ["part"],
            buckets=SECONDS,
            registry=told,
        )
        self._jobs = Gauge("twofold_jobs", "Jobs by state.", ["state"], registry=told)

    def began(self) -> None:
        """Count a request that came in."""
        self._flight.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered; status 499 where its sender went away."""
        self._flight.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def saw(self, event: Event) -> None:
        """Count what the last event of a clip tells."""
        if isinstance(event, Result):
            for member in event.degraded:
                self._absent.labels(member).inc()
            for part, seconds in event.seconds.items():
                self._parts.labels(part).observe(seconds)
        elif event.event == "refused":
            self._refused.labels(event.why).inc()

    def page(self, *, busy: int, queued: int, jobs: Mapping[str, int]) -> bytes:
        """Return everything as Prometheus reads it."""
        self._busy.set(busy)
        self._queued.set(queued)
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        return generate_latest(self._registry)
