"""Parts that live elsewhere: they look like the parts themselves, and ask a deployment through its handle.

Parts keep nothing of a clip, so a question can be put again: once, where the process that had it died. A handle does
not do that by itself. What is asked of no replica in time is `Lost`; whoever conducts the clip then goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, TypeVar

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from ensemble.host import Crew
from ensemble.plan import Plan
from modalities.grid import Grid
from modalities.types import Encoding, Output, Percept, Segment
from serve.graph.absence import Lost
from serve.graph.parcels import Parcels
from serve.graph.repeating import DIED, TURNS

T = TypeVar("T")


class Handle:
    """A deployment that is asked from a thread, with a limit of time."""

    def __init__(self, handle: DeploymentHandle[Any], timeout: float) -> None:
        self._handle, self._timeout = handle, timeout

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return the answer; `Lost` says in words why there is none."""
        for _ in TURNS:
            with suppress(*DIED):
                return self._once(method, arguments)
        raise Lost("died twice while it was asked")

    def _once(self, method: str, arguments: tuple[Any, ...]) -> Any:
        response = getattr(self._handle, method).remote(*arguments)
        try:
            return response.result(timeout_s=self._timeout)
        except TimeoutError:
            response.cancel()
            raise Lost(f"did not answer within {self._timeout:g} s") from None
        except DIED:
            raise
        except RayTaskError as error:
            raise Lost(f"failed with {type(error.cause).__name__}") from error
        except (BackPressureError, DeploymentUnavailableError) as error:
            raise Lost("has no room") from error
        except (RayServeException, RayError) as error:
            raise Lost(f"could not be asked ({type(error).__name__})") from error


class FarCue:
    """A cue in a deployment of its own."""

    def __init__(self, needs: Mapping[str, str], grid: Grid | None, handle: Handle, parcels: Parcels) -> None:
        self.needs, self.grid = needs, grid
        self._handle, self._parcels = handle, parcels

    def perceive(
        self, percepts: Mapping[str, Percept], segments: Sequence[Segment], memory: Any
    ) -> tuple[Percept, Any]:
        """Ask it; what it remembers travels there and back."""
        found: tuple[Percept, Any] = self._handle.ask("perceive", self._parcels.pack(percepts), list(segments), memory)
        return found


class FarHost:
    """A modality with its heads in a deployment of its own."""

    def __init__(self, host: Nature, handle: Handle, parcels: Parcels) -> None:
        self.about, self.stepwise, self.needs = host.about, host.stepwise, host.needs
        self._handle, self._parcels = handle, parcels

    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Ask it; what comes out of Ray's store is read-only, and steps are written into place here."""
        found: Encoding = self._handle.ask("encode", self._parcels.pack(percepts), list(segments))
        return found.writable()

    def judge(self, encodings: Mapping[str, Encoding]) -> dict[str, Output]:
        """Ask its heads."""
        found: dict[str, Output] = self._handle.ask("judge", dict(encodings))
        return found


class Nature:
    """What is known of a modality without asking it."""

    def __init__(self, about: Literal["track", "clip"], needs: Mapping[str, str], *, stepwise: bool) -> None:
        self.about: Literal["track", "clip"] = about
        self.needs, self.stepwise = needs, stepwise


class Threads:
    """Makes calls at the same time: each waits for another process."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="ask")

    def __call__(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Return the answers in the order of the calls."""
        if len(calls) < 2:
            return [call() for call in calls]
        return [future.result() for future in [self._pool.submit(call) for call in calls]]


def far_crew(plan: Plan, cues: Mapping[str, Handle], hosts: Mapping[str, Handle], at_once: int) -> Crew:
    """Return a crew whose every part lives elsewhere."""
    parcels = Parcels()
    return Crew(
        {name: FarCue(cue.needs, cue.grid, cues[name], parcels) for name, cue in plan.cues.items()},
        {
            name: FarHost(Nature(one.about, one.needs, stepwise=one.stepwise), hosts[name], parcels)
            for name, one in plan.modalities.items()
        },
        Threads(at_once * max(1, len(cues) + len(hosts))),
    )
