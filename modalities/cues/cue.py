"""What a cue is: it perceives something in footage, once, for every modality that needs it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from modalities.grid import Grid
from modalities.part import Part
from modalities.types import Percept, Segment


class Cue(Part):
    """Perceives the stretches of a clip in order of time.

    What a cue remembers from one stretch to the next is a small picklable value that it hands out and is handed back:
    the cue itself keeps nothing of a clip, so a clip can move to another process and one cue can serve several clips.
    Roles are filled by other cues or by what all footage brings: `clip` (its name), `frames` and `waveform`.
    """

    wants: ClassVar[Mapping[str, type[Percept]]] = {}
    """Role → type of percept."""
    gives: ClassVar[type[Percept]]
    """The type of percept that it finds."""

    @property
    def grid(self) -> Grid | None:
        """The grid on whose segments it works; None: it looks at every stretch as it comes."""
        return None

    @abstractmethod
    def perceive(
        self, percepts: Mapping[str, Percept], segments: Sequence[Segment], memory: Any
    ) -> tuple[Percept, Any]:
        """Look at what is new.

        `percepts`: role → what the newest stretch brought; of a cue with a grid, all that was brought since the start
        of the first of its segments, and perhaps more. `segments`: one, the stretch itself, for a cue without a grid;
        otherwise those that have just closed, often none. `memory`: `None` at the start of a clip, then what the last
        call returned. A stretch that ends the clip has a percept with `until = FOREVER` for every role, and so must
        the answer.
        """

    def close(self) -> None:
        """Free what the interpreter would not."""
