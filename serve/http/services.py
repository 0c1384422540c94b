"""What the routes share: settings, who recognises clips, where jobs lie, and what is counted.

app = make_app(Services(settings, performer, jobs))
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from serve.http.admission import Admission
from serve.http.counts import Counts
from serve.http.keys import Keys
from serve.http.rates import Rates
from serve.orders import Performer
from serve.settings import ServerSettings


class Jobs(AbstractAsyncContextManager[Any], Protocol):
    """What the HTTP side in general needs of the jobs; their routes need more. They are worked on while it is open."""

    async def counts(self) -> Mapping[str, int]:
        """Return how many jobs there are by state."""
        ...


@dataclass(frozen=True)
class Services:
    """Everything that a request may need; made once for each process that answers HTTP."""

    settings: ServerSettings
    performer: Performer
    jobs: Any = None
    """A `Jobs`; without one there are no routes for jobs. The app opens it when it starts, and closes it at its end."""
    live: bool = False
    """Whether cameras are taken at `/v1/live`."""

    @cached_property
    def uploads(self) -> Path:
        """The folder that clips of requests are written to."""
        folder = self.settings.jobs.folder / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def keys(self) -> Keys | None:
        """Who may ask; a KeysError where the file cannot be used."""
        return Keys(self.settings.http.keys) if self.settings.http.keys else None

    @cached_property
    def rates(self) -> Rates | None:
        """How often, where that is limited."""
        return Rates(self.settings.http.rate) if self.settings.http.rate else None

    @cached_property
    def admission(self) -> Admission:
        """Places for requests that wait for their result."""
        return Admission(self.performer, self.settings.http.waiting)

    @cached_property
    def counts(self) -> Counts:
        """What is counted."""
        return Counts()
