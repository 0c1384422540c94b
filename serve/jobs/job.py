"""What a job is: a clip to recognise without anybody waiting, and how far it is."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from modalities.config import Config
from serve.http.errors import Problem

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
"""States that nothing follows."""
Trouble = Literal["clip", "wish", "overload", "lost", "timeout", "bug"]
"""Why a job failed, as `serve.orders.Refused` has it."""


class Asked(Config):
    """What a request wishes, beside the clip."""

    without: tuple[str, ...] = ()
    all_tracks: bool = False
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be accepted; its clip already lies at its place."""

    id: str
    owner: str
    name: str
    asked: Asked
    fingerprint: str
    """Of what was sent; the same key with another is refused."""
    key: str | None = None
    """Idempotency key: the owner's second request with it gets the first one's job."""
    callback: str | None = None
    """Address to call at the end."""
    erase: bool = False
    """Erase the clip at the end, and the result once it was fetched."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the store. Times are seconds since 1970."""

    id: str
    owner: str
    state: State
    name: str
    asked: Asked
    fingerprint: str
    key: str | None
    callback: str | None
    erase: bool
    created: float
    started: float | None
    ended: float | None
    erased: float | None
    seconds: float
    """Of the clip that are done."""
    duration: float | None
    """Of the clip, as far as known."""
    attempt: int
    waits: int
    """How often there was no room for it."""
    holder: str | None
    """Token of the attempt that works on it; nobody without it may change the job."""
    degraded: dict[str, str]
    trouble: Trouble | None
    reason: str | None
    """One sentence, where it failed."""
    place: str | None
    """Folder of the result, in the job's own."""
    files: dict[str, str]
    """Kind → file in it."""
    version: int
    """Grows with every change."""
    calls: int
    """How often the callback was tried."""
    call_end: str | None
    """What became of it, once that is known."""

    @classmethod
    def read(cls, row: sqlite3.Row) -> Self:
        """Read it from a row of the store."""
        plain = {name: row[name] for name in cls.__dataclass_fields__}
        read = {"asked": Asked.model_validate_json(row["asked"]), "erase": bool(row["erase"])}
        return cls(**plain | read | {name: json.loads(row[name]) for name in ("degraded", "files")})

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return self.state in ENDED

    def document(self) -> dict[str, Any]:
        """Return it as an answer shows it."""
        problem = None if self.trouble is None else Problem(self.trouble, self.reason or "").document()
        here = f"/v1/jobs/{self.id}"
        return {
            "id": self.id,
            "state": self.state,
            "name": self.name,
            "without": list(self.asked.without),
            "tracks": "all" if self.asked.all_tracks else "primary",
            "prompts": list(self.asked.prompts),
            "erase": self.erase,
            "callback_url": self.callback,
            "created": _moment(self.created),
            "started": _moment(self.started),
            "ended": _moment(self.ended),
            "erased": _moment(self.erased),
            "progress": {"seconds": round(self.seconds, 3), "duration": self.duration},
            "attempt": self.attempt,
            "degraded": self.degraded,
            "problem": problem,
            "formats": [] if self.erased is not None else sorted(self.files),
            "links": {"self": here, "events": f"{here}/events", "result": f"{here}/result"},
        }


def _moment(time: float | None) -> str | None:
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
