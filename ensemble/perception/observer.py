"""An observer takes one cue through one clip: what it remembers, and the window that a cue with a grid looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ensemble.host import Perceives
from ensemble.perception.cursor import Cursor
from modalities.types import Footage, Percept, Segment


class Observer:
    """One cue's way through a clip. Make a new one for each clip."""

    def __init__(self, cue: Perceives) -> None:
        self._cue = cue
        self._memory: Any = None
        self._cursor = None if cue.grid is None else Cursor(cue.grid)
        self._held: dict[str, Percept] = {}

    def look(self, new: Mapping[str, Percept], footage: Footage) -> Percept:
        """Perceive a stretch; `new`: instance → what the stretch brought, or what other cues found in it."""
        roles = {role: new[instance] for role, instance in self._cue.needs.items()}
        if self._cursor is None:
            return self._perceive(roles, [Segment(footage.start, max(footage.end, footage.start + 1))])
        held = self._held
        held = {role: held[role].join(percept) if role in held else percept for role, percept in roles.items()}
        spans = self._cursor.close(min(percept.until for percept in roles.values()), footage)
        found = self._perceive(held, [Segment(start, end) for start, end in spans])
        self._held = {role: percept.since(self._cursor.frontier()) for role, percept in held.items()}
        return found

    def _perceive(self, roles: Mapping[str, Percept], segments: list[Segment]) -> Percept:
        percept, self._memory = self._cue.perceive(roles, segments, self._memory)
        return percept
