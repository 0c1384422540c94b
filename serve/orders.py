"""What passes between whoever answers HTTP and whoever recognises clips: an order in, events out; no torch, no Ray.

    async for event in performer.perform(Order(clip=path, name="talk.mp4")):
        ...                        # begun, then stretch after stretch, at last a result; or a refusal

A refusal is an event, not an exception: it crosses processes as one sentence, without anybody's traceback.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from modalities.config import Config


class Order(Config):
    """A clip to recognise, and what a request wishes."""

    clip: Path
    """The file; nobody else sees this path."""
    name: str
    """What the clip is called in the answer."""
    without: tuple[str, ...] = ()
    """Members to leave out."""
    all_tracks: bool = False
    """Rows for every face in view, not for the primary one alone."""
    prompts: tuple[str, ...] = ()
    """Texts to compare what is seen with."""
    duration: float = Field(6 * 3600.0, gt=0)
    """Seconds that the clip may last."""
    out: Path | None = None
    """Folder for the result as files (`result.json`, `.csv`, `.parquet`, `.abaw.txt`, `.png`); none are written if not
    given."""
    detail: bool = True
    """Whether stretches bring what was found in them, or only say how far it is."""


class LiveOrder(Config):
    """A camera or a microphone to recognise while it runs."""

    without: tuple[str, ...] = ()
    all_tracks: bool = False
    stretch: float = Field(1.0, gt=0)
    """Seconds that are recognised at once."""
    seconds: float = Field(3600.0, gt=0)
    """That it may last."""


class Begun(Config):
    """The clip was opened."""

    event: Literal["begun"] = "begun"
    duration: float | None = None
    """Seconds, where the file states them."""


class Stretch(Config):
    """Some of the clip is done: from 0 to `end` in all."""

    event: Literal["stretch"] = "stretch"
    start: float
    end: float
    found: dict[str, Any] | None = None
    """Segments, words, captions and matches that became final, each as in the whole document; of a camera also `ahead`,
    segments that are not final: what those say who could look already."""
    degraded: dict[str, str] = {}
    """Members that were lost so far → one sentence why."""
    latency: float | None = None
    """Of a camera: seconds from the end of the stretch until it was recognised."""
    dropped: int | None = None
    """Of a camera: messages that were not looked at so far, because they came too late or too many."""


class Result(Config):
    """It is done; nothing follows."""

    event: Literal["result"] = "result"
    document: dict[str, Any] | None = None
    """As `twofold predict` writes it (`ensemble/write/timeline.schema.json`); none where files were asked for."""
    files: dict[str, Path] = {}
    """Kind → file: json, csv, parquet, abaw, picture."""
    degraded: dict[str, str] = {}
    seconds: dict[str, float] = {}
    """Cue or modality → seconds that were waited for it."""


class Refused(Config):
    """It cannot be done; nothing follows."""

    event: Literal["refused"] = "refused"
    why: Literal["clip", "wish", "overload", "lost", "timeout", "bug"]
    """`clip`: the file cannot be used; `wish`: the request asks for what this bundle cannot do; `overload`: no room
    now; `lost`: no member is left that could answer, or whoever worked on it died twice; `timeout`: it took too long;
    `bug`: the program failed, and its log says how."""
    reason: str
    """One sentence for a person, without paths."""


Event = Begun | Stretch | Result | Refused


class Performer(Protocol):
    """Whoever recognises clips: the Serve graph through a handle, or a Recognizer in this process."""

    async def about(self) -> dict[str, Any]:
        """Return what is known of the bundle.

        `bundle` (name, sha256), `members` (name, modality, grid, the tasks and labels each speaks, whether it
        `compares` with prompts), `labels` (task → names), `compound_pairs`, `parts` (instance, name, licence),
        `assets`, `models` and `versions` as `bundle.json` has them, `placement`, and `processes`, which says how many
        clips are recognised at the same time.
        """
        ...

    def perform(self, order: Order) -> AsyncIterator[Event]:
        """Recognise a clip. Whoever stops listening stops the work."""
        ...

    def inbox(self) -> Any:
        """Make a place where messages of a camera are put: `put`, `end`, both at once (`serve/live/inbox.py`)."""
        ...

    def live(self, order: LiveOrder, inbox: Any) -> AsyncIterator[Event]:
        """Recognise what comes into an inbox while it comes. Whoever stops listening stops the work."""
        ...
