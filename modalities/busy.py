"""What a busy machine may fail at only because it is busy: starting Ray.

The processes beside a raylet have 15 s to say where they listen, and the raylet has 30 s (Ray 2.60; no setting moves
either). Where several programs start at once on few cores, that is too little, and the next try succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Started = TypeVar("Started")
TRIES = 4
TOO_SLOW = "timed out during startup"
"""Ray's own words, in an `Exception` of no class of its own."""


class BusyError(RuntimeError):
    """This machine was too busy to start something."""


def started(start: Callable[[], Started], tries: int = TRIES) -> Started:
    """Return what `start`, which starts Ray, returns; BusyError where Ray was too slow at every try."""
    for _ in range(tries):
        try:
            return start()
        except Exception as error:
            if TOO_SLOW not in str(error):
                raise
    raise BusyError(
        f"Ray did not start on this machine in {tries} tries of 30 s; try again when it is less busy, or name a "
        "cluster with --address"
    )
