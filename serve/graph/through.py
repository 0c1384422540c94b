"""The graph as a `Performer`, for whoever answers HTTP: orders go through a handle, and are repeated once.

A clip is recognised anew from its file, and the same stretches come out; those that were told already are not told
again. So an order can be repeated where the process that worked on it died.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from serve.graph.mailing import Letterbox
from serve.graph.placement import Placement
from serve.graph.repeating import DIED, TURNS
from serve.orders import Event, LiveOrder, Order, Refused

_BUSY = Refused(why="overload", reason="all processes are busy; come again")
_log = logging.getLogger(__name__)


class Graph:
    """Conductors behind a handle."""

    def __init__(self, handle: DeploymentHandle[Any], placement: Placement) -> None:
        self._handle, self._placement = handle, placement
        self._known: dict[str, Any] | None = None

    async def about(self) -> dict[str, Any]:
        """Say what is known of the bundle; asked once, for it does not change."""
        if self._known is None:
            self._known = {
                **await self._handle.about.remote(),
                "placement": self._placement.kind,
                "processes": self._placement.processes,
            }
        return self._known

    def inbox(self) -> Letterbox:
        """Make an inbox that a conductor elsewhere can empty."""
        return Letterbox()

    async def live(self, order: LiveOrder, inbox: Letterbox) -> AsyncIterator[Event]:
        """Recognise what comes into an inbox; that cannot be repeated."""
        response = self._handle.options(stream=True).live.remote(order, inbox.actor)
        try:
            async for event in response:
                yield event
        except BackPressureError:
            yield _BUSY
        except (RayServeException, RayError) as error:
            _log.warning("a live session was lost", exc_info=True)
            yield Refused(why="lost", reason=f"whoever worked on it was lost ({type(error).__name__}); begin again")
        finally:
            response.cancel()

    async def perform(self, order: Order) -> AsyncIterator[Event]:
        """Recognise a clip."""
        told = 0
        for attempt in TURNS:
            response = self._handle.options(stream=True).perform.remote(order)
            heard = 0
            try:
                async for event in response:
                    heard += 1
                    if heard > told:
                        told = heard
                        yield event
            except DIED:
                _log.warning("whoever worked on a clip died (%d of 2)", attempt)
            except BackPressureError:
                yield _BUSY
                return
            except (RayServeException, RayError) as error:
                _log.exception("a clip could not be handed on")
                yield Refused(why="lost", reason=f"whoever should have worked on it failed ({type(error).__name__})")
                return
            else:
                return
            finally:
                response.cancel()
        yield Refused(why="lost", reason="whoever worked on it died, twice; try again later")
