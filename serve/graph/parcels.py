"""What travels between deployments: frames once for all who look at them."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import ray

from modalities.types import Frames, Percept


class Parcels:
    """Frames are large: those of a stretch are put into Ray's store once, for all who look at them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: tuple[Frames, Parcel] | None = None

    def pack(self, percepts: Mapping[str, Percept]) -> dict[str, Any]:
        """Return what is sent."""
        return {
            role: self._put(percept) if isinstance(percept, Frames) else percept for role, percept in percepts.items()
        }

    def _put(self, frames: Frames) -> Parcel:
        with self._lock:
            if self._last is None or self._last[0] is not frames:
                self._last = frames, Parcel(ray.put(frames))
            return self._last[1]


class Parcel:
    """Something that lies in Ray's store."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def open(self) -> Any:
        """Take it out."""
        return ray.get(self._reference)


def unpack(percepts: Mapping[str, Any]) -> dict[str, Percept]:
    """Return what was packed."""
    return {role: percept.open() if isinstance(percept, Parcel) else percept for role, percept in percepts.items()}
