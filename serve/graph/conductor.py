"""The conductor takes clips through a plan: orders in, events out. A `Performer` without Ray; a Serve replica has one.

    conductor = Conductor.load(Path("runs/demo/bundle"))
    async for event in conductor.perform(Order(clip=Path("talk.mp4"), name="talk.mp4")):
        ...

Clips run in threads of their own, as many at once as it is told; others wait in order. Where the parts live is the
crew's affair: in this process, or in deployments of their own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

from ensemble.bundle import load
from ensemble.host import Crew, hosts_of
from ensemble.manifest import read_manifest
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from ensemble.write import Origin, document, write
from modalities.heads.head import Comparing
from modalities.media import Limits, MediaError, read, stated_duration
from modalities.types import Clip, seconds
from serve.graph.absence import Record, sparing
from serve.graph.warming import warm
from serve.live.footage import Incoming, LiveError
from serve.live.inbox import Inbox, Source
from serve.orders import Begun, Event, LiveOrder, Order, Refused, Result, Stretch

FOUND = ("segments", "words", "captions", "matches")
"""What a stretch tells of the document."""
LONGEST_STEM = 200
"""Bytes of a file's name, before its ending."""
_log = logging.getLogger(__name__)


class Conductor:
    """Recognises clips with a bundle."""

    def __init__(self, recognizer: Recognizer, folder: Path, crew: Crew | None = None, *, at_once: int = 1) -> None:
        self._recognizer, self._crew = recognizer, crew or recognizer.crew
        self._origin = Origin.of(folder)
        self._manifest = read_manifest(folder)
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="clip")
        self._working: dict[int, float] = {}
        """Clip that is being worked on → when it last went on."""

    @classmethod
    def load(cls, folder: Path, crew: Crew | None = None, *, at_once: int = 1) -> Self:
        """Read a bundle, and warm the parts that live in this process; a BundleError or AssetError says what lacks."""
        recognizer = load(folder)
        if crew is None:
            warm(recognizer.plan, hosts_of(recognizer.plan))
        return cls(recognizer, folder, crew, at_once=at_once)

    @property
    def plan(self) -> Plan:
        """What it takes clips through."""
        return self._recognizer.plan

    def close(self) -> None:
        """Free what the parts hold open."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._recognizer.close()

    async def about(self) -> dict[str, Any]:
        """Say what is known of the bundle."""
        plan, manifest = self._recognizer.plan, self._manifest
        return {
            "bundle": {"name": self._origin.name, "sha256": self._origin.sha256},
            "members": [
                {
                    "name": member.name,
                    "modality": member.modality,
                    "grid": member.grid.model_dump(),
                    "tasks": {task: list(labels) for task, labels in plan.heads[member.name].speaks.items()},
                    "compares": isinstance(plan.heads[member.name], Comparing),
                }
                for member in plan.members
            ],
            "labels": manifest["labels"],
            "compound_pairs": {name: list(pair) for name, pair in self._origin.pairs.items()},
            **{key: manifest.get(key, []) for key in ("parts", "assets", "models", "versions")},
            "placement": "compact",
            "processes": self._at_once,
        }

    def perform(self, order: Order) -> AsyncIterator[Event]:
        """Recognise a clip. Whoever stops listening stops the work, at the end of a stretch."""
        return self._in_thread(self._run(order), order.clip)

    def inbox(self) -> Inbox:
        """Make an inbox in this process."""
        return Inbox()

    def live(self, order: LiveOrder, inbox: Source) -> AsyncIterator[Event]:
        """Recognise what comes into an inbox."""
        return self._in_thread(self._live(order, inbox))

    async def _in_thread(self, events: Iterator[Event], path: Path | None = None) -> AsyncIterator[Event]:
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[Event | None] = asyncio.Queue()
        stopped = threading.Event()

        def tell(event: Event | None) -> None:
            with suppress(RuntimeError):  # nobody is there any more to be told
                loop.call_soon_threadsafe(told.put_nowait, event)

        def work() -> None:
            try:
                for event in self._refusing(events, path, stopped):
                    tell(event)
            finally:
                tell(None)

        loop.run_in_executor(self._pool, work)
        try:
            while (event := await told.get()) is not None:
                yield event
        finally:
            stopped.set()

    def _refusing(self, events: Iterator[Event], path: Path | None, stopped: threading.Event) -> Iterator[Event]:
        """Hand on events until nobody listens; an error becomes a refusal, which never names a path."""
        me = threading.get_ident()
        try:
            while not stopped.is_set():
                self._working[me] = time.monotonic()
                if (event := next(events, None)) is None:
                    return
                yield event
        except (MediaError, LiveError) as error:
            yield Refused(why="clip", reason=str(error).replace(str(path), "the file"))
        except OSError as error:
            _log.exception("a result could not be written")
            yield Refused(why="bug", reason=f"the server cannot write the result ({error.strerror})")
        except Exception as error:  # noqa: BLE001  whatever one clip does, the others go on
            _log.exception("a clip could not be recognised")
            yield Refused(why="bug", reason=f"the program failed with {type(error).__name__}; its log says how")
        finally:
            self._working.pop(me, None)

    def stuck(self, patience: float) -> bool:
        """Whether a clip has not gone on for so many seconds."""
        return any(time.monotonic() - moment > patience for moment in list(self._working.values()))

    def _run(self, order: Order) -> Iterator[Event]:
        wishes = Wishes(frozenset(order.without), all_tracks=order.all_tracks, prompts=order.prompts)
        try:
            self._recognizer.check(wishes)
        except ValueError as error:
            yield Refused(why="wish", reason=str(error))
            return
        clip, limits = Clip.of(order.clip, order.name), Limits(duration=order.duration)
        stated = stated_duration(clip, limits)
        yield Begun(duration=None if stated is None else seconds(stated))
        plan, pieces = self._recognizer.plan, list[Timeline]()
        record = Record(plan)
        crew = sparing(self._crew, plan, record)
        for piece in self._recognizer.stream(read(clip, limits), wishes, crew):
            pieces.append(piece)
            found = document(piece, self._origin) if order.detail else {}
            yield Stretch(
                start=seconds(piece.start),
                end=seconds(piece.end),
                found={key: found[key] for key in FOUND} if order.detail else None,
                degraded=record.reasons,
            )
        timeline = replace(Timeline.join(pieces), clip=order.name, degraded=record.reasons)
        yield self._end(timeline, order, wishes, record.seconds)

    def _live(self, order: LiveOrder, inbox: Source) -> Iterator[Event]:
        wishes = Wishes(frozenset(order.without), all_tracks=order.all_tracks, ahead=True)
        try:
            self._recognizer.check(wishes)
        except ValueError as error:
            yield Refused(why="wish", reason=str(error))
            return
        yield Begun()
        plan, incoming = self._recognizer.plan, Incoming(inbox, order.stretch, order.seconds)
        record = Record(plan)
        for piece in self._recognizer.stream(incoming.footages(), wishes, sparing(self._crew, plan, record)):
            found, ahead = document(piece, self._origin), replace(piece, verdict=piece.ahead or piece.verdict)
            yield Stretch(
                start=seconds(piece.start),
                end=seconds(piece.end),
                found={**{key: found[key] for key in FOUND}, "ahead": document(ahead, self._origin)["segments"]},
                degraded=record.reasons,
                latency=max(0.0, time.monotonic() - incoming.began - seconds(piece.end)),
                dropped=incoming.dropped,
            )
        yield Result(degraded=record.reasons, seconds=record.seconds)

    def _end(self, timeline: Timeline, order: Order, wishes: Wishes, spent: dict[str, float]) -> Result | Refused:
        lost = timeline.degraded
        if set(lost) >= set(self._recognizer.asked(wishes)) and not timeline.verdict.opinions.present.any():
            why = "; ".join(sorted({*lost.values()}))
            return Refused(why="lost", reason=f"no member is left that could answer: {why}; try again")
        if order.out is None:
            return Result(document=document(timeline, self._origin), degraded=dict(lost), seconds=spent)
        stem = PurePosixPath(order.name).stem.encode()[:LONGEST_STEM].decode(errors="ignore")
        place = order.out / (stem or "clip")
        files = write(timeline, Clip.of(order.clip, order.name), place, self._origin)
        return Result(files=files, degraded=dict(lost), seconds=spent)
