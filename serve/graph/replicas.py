"""What runs in a replica: a cue, a modality with its heads, or a conductor. Each is warm before it is ready.

Classes are sent by name, so what they need is imported where they run: who starts a server does not wait for torch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from ray import serve

from modalities.types import Encoding, Output, Percept, Segment
from serve.orders import Event, LiveOrder, Order

ONGOING = 16
"""Calls that a part may have waiting in it; the conductors never send more."""
STUCK = 4
"""Times a call's limit: a replica that works longer on one call is replaced."""


def _rows(asked: list[Any]) -> int:
    return sum(map(len, asked))


def _steps(asked: list[Mapping[str, Encoding]]) -> int:
    from serve.graph.batching import steps_in

    return sum(map(steps_in, asked))


class Turn:
    """One call at a time, for parts share networks that are not made for several threads; knows when one hangs."""

    def __init__(self, timeout: float) -> None:
        self._lock, self._began, self._patience = Lock(), 0.0, STUCK * timeout

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for one's turn."""
        with self._lock:
            self._began = time.monotonic()
            try:
                yield
            finally:
                self._began = 0.0

    def check(self) -> None:
        """Raise where a call hangs, so that Serve starts another replica."""
        if self._began and time.monotonic() - self._began > self._patience:
            raise RuntimeError(f"a call has not ended for {self._patience:g} s")


class CueReplica:
    """A cue of a bundle."""

    def __init__(self, bundle: str, name: str, threads: int, timeout: float) -> None:
        from ensemble.bundle import load_cue
        from modalities.native import use_threads
        from serve.graph.warming import warm_cue

        use_threads(threads)
        self._cue = load_cue(Path(bundle), name)
        self._turn = Turn(timeout)
        warm_cue(self._cue)

    def perceive(self, percepts: Mapping[str, Any], segments: Sequence[Segment], memory: Any) -> tuple[Percept, Any]:
        """Look at what is new in a clip."""
        from serve.graph.parcels import unpack

        seen = unpack(percepts)
        with self._turn.taken():
            return self._cue.perceive(seen, segments, memory)

    def check_health(self) -> None:
        """Fail where a call hangs."""
        self._turn.check()


class HostReplica:
    """A modality of a bundle with its heads. What several clips ask at once may go through its networks together."""

    def __init__(self, bundle: str, name: str, threads: int, timeout: float, batch: int | None = None) -> None:
        from ensemble.bundle import load_host
        from modalities.native import use_threads
        from serve.graph.batching import most_rows
        from serve.graph.warming import warm_host

        use_threads(threads)
        self._host = load_host(Path(bundle), name)
        self._turn = Turn(timeout)
        warm_host(self._host)
        self._pool = ThreadPoolExecutor(ONGOING, thread_name_prefix="call")
        self._network = ThreadPoolExecutor(1, thread_name_prefix="network")  # calls wait for it, so it is not theirs
        self._loop: asyncio.AbstractEventLoop | None = None
        self._most = most_rows(self._host.encoder, batch)
        self._alone = self._host.encoder.encode
        self._host.encoder.encode = self._encode  # type: ignore[method-assign]  # all of them meet here
        self._encode_some.set_max_batch_size(self._most)
        self._judge_some.set_max_batch_size(self._most)

    async def encode(self, percepts: Mapping[str, Any], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps."""
        from serve.graph.parcels import unpack

        self._loop = asyncio.get_running_loop()
        return await self._loop.run_in_executor(self._pool, lambda: self._host.encode(unpack(percepts), segments))

    async def judge(self, encodings: Mapping[str, Encoding]) -> dict[str, Output]:
        """Ask heads what segments show."""
        from serve.graph.batching import steps_in

        asked = {name: encoding.writable() for name, encoding in encodings.items()}
        if steps_in(asked) < self._most:
            found: dict[str, Output] = _answer(await self._judge_some(asked))
        else:
            found = _answer((await self._judge_all([asked]))[0])
        return found

    def _encode(self, inputs: Any) -> Any:
        """Take the place of the encoder's own `encode`, in one of the pool's threads."""
        from serve.graph.batching import rows_in

        if self._loop is None or not 0 < rows_in(inputs) < self._most:
            with self._turn.taken():
                return self._alone(inputs)
        return _answer(asyncio.run_coroutine_threadsafe(self._encode_some(inputs), self._loop).result())

    @serve.batch(batch_wait_timeout_s=0.0, batch_size_fn=_rows)  # type: ignore[untyped-decorator]  # Ray's
    async def _encode_some(self, asked: list[Any]) -> list[Any]:
        from serve.graph.batching import encode_together

        return await self._in_turn(lambda some: encode_together(self._alone, some), asked)

    @serve.batch(batch_wait_timeout_s=0.0, batch_size_fn=_steps)  # type: ignore[untyped-decorator]  # Ray's
    async def _judge_some(self, asked: list[Any]) -> list[Any]:
        return await self._judge_all(asked)

    async def _judge_all(self, asked: list[Any]) -> list[Any]:
        from serve.graph.batching import judge_together

        return await self._in_turn(lambda some: judge_together(self._host, some), asked)

    async def _in_turn(self, work: Callable[[list[Any]], list[Any]], asked: list[Any]) -> list[Any]:
        """Do what several ask together; where that fails, each by itself, so that one's trouble stays its own."""

        def work_in_turn(some: list[Any]) -> list[Any]:
            with self._turn.taken():
                return work(some)

        def all_or_each() -> list[Any]:
            try:
                return work_in_turn(asked)
            except Exception as error:  # noqa: BLE001  it is raised where it was asked
                return [error] if len(asked) == 1 else [found for one in asked for found in _each(work_in_turn, one)]

        return await asyncio.get_running_loop().run_in_executor(self._network, all_or_each)

    def check_health(self) -> None:
        """Fail where a call hangs."""
        self._turn.check()


def _each(work: Callable[[list[Any]], list[Any]], one: Any) -> list[Any]:
    try:
        return work([one])
    except Exception as error:  # noqa: BLE001  it is raised where it was asked
        return [error]


def _answer(found: Any) -> Any:
    if isinstance(found, Exception):
        raise found
    return found


class ConductorReplica:
    """A conductor, with all parts in its process, or with handles to where they live."""

    def __init__(
        self,
        bundle: str,
        threads: int,
        at_once: int,
        patience: float,
        cues: Mapping[str, tuple[Any, float]] | None = None,
        hosts: Mapping[str, tuple[Any, float]] | None = None,
    ) -> None:
        from ensemble.bundle import load_plan
        from modalities.native import use_threads
        from serve.graph.afar import Handle, far_crew
        from serve.graph.conductor import Conductor

        use_threads(threads)
        folder = Path(bundle)
        crew = None
        if cues is not None and hosts is not None:
            far_cues = {name: Handle(*one) for name, one in cues.items()}
            far_hosts = {name: Handle(*one) for name, one in hosts.items()}
            crew = far_crew(load_plan(folder), far_cues, far_hosts, at_once)
        self._conductor = Conductor.load(folder, crew, at_once=at_once)
        self._patience = patience

    async def about(self) -> dict[str, Any]:
        """Say what is known of the bundle."""
        return await self._conductor.about()

    async def perform(self, order: Order) -> AsyncIterator[Event]:
        """Recognise a clip."""
        async for event in self._conductor.perform(order):
            yield event

    async def live(self, order: LiveOrder, inbox: Any) -> AsyncIterator[Event]:
        """Recognise what comes into an inbox, which is an actor."""
        from serve.graph.mailing import FarInbox

        async for event in self._conductor.live(order, FarInbox(inbox)):
            yield event

    async def check_health(self) -> None:
        """Fail where a clip hangs."""
        if self._conductor.stuck(self._patience):
            raise RuntimeError(f"a clip has not gone on for {self._patience:g} s")
        await asyncio.sleep(0)
