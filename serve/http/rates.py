"""Rates: how often somebody may ask. A token bucket for each key, or address where there are no keys."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from serve.http.errors import Problem

MOST = 10_000
"""Buckets that are kept; the ones used longest ago are forgotten first, and a forgotten one is full again."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen: float


class Rates:
    """Buckets of `rate` tokens, filled evenly within a minute; a request takes one."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = max(1.0, rate)
        self._per_second = rate / 60
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, who: str) -> dict[str, str]:
        """Count a request; return what its answer says about the rate, or raise a Problem where there were too many."""
        now = self._clock()
        bucket = self._buckets.setdefault(who, _Bucket(self._size, now))
        self._buckets.move_to_end(who)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._size, bucket.tokens + (now - bucket.seen) * self._per_second)
        bucket.seen = now
        if bucket.tokens < 1:
            wait = (1 - bucket.tokens) / self._per_second
            raise Problem(
                "rate",
                f"more than {self._size:g} requests came within a minute; come again in {wait:.0f} s",
                headers=self._headers(bucket),
                again=wait,
            )
        bucket.tokens -= 1
        return self._headers(bucket)

    def _headers(self, bucket: _Bucket) -> dict[str, str]:
        full = (self._size - bucket.tokens) / self._per_second
        return {
            "RateLimit-Limit": f"{int(self._size)}",
            "RateLimit-Remaining": f"{int(bucket.tokens)}",
            "RateLimit-Reset": f"{max(0, round(full))}",
            "RateLimit-Policy": f"{int(self._size)};w=60",
        }
