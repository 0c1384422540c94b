"""Where a run keeps what several machines need: a folder that all see, or a bucket that each mirrors."""

from tuning.storage.error import StorageError
from tuning.storage.place import (
    VARIABLE,
    fetch,
    for_ray,
    forget,
    found,
    holds,
    kept,
    names,
    placed,
    send,
    shown,
    storage,
)

__all__ = [
    "VARIABLE",
    "StorageError",
    "fetch",
    "for_ray",
    "forget",
    "found",
    "holds",
    "kept",
    "names",
    "placed",
    "send",
    "shown",
    "storage",
]
