"""Rows to learn from: segments with their targets, in memory or on disk.

Steps are long and stay on disk where there are many (`FEW`); a batch is read when it is asked for, so that memory does
not grow with the corpus. Targets are short and always in memory.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from modalities.types import Array, Encoding, Scores
from modalities.whole import whole

ROWS_FILE = "rows.json"
"""Written last: without it, these are no rows."""
FEW = 128 << 20
"""Bytes of steps that may be in memory."""
Batch = Mapping[str, Tensor]
"""Columns by name; all share the first axis."""


class Rows(Protocol):
    """Rows that can be taken by their numbers."""

    @property
    def targets(self) -> Batch:
        """What is to be said of each row: task → [S, C], NaN where that is not known."""
        ...

    @property
    def sources(self) -> Tensor:
        """Number of the corpus that each row comes from [S]."""
        ...

    def __len__(self) -> int: ...

    def take(self, index: Tensor) -> Batch:
        """Return all columns of some rows, targets among them."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Rows in memory: columns by name, `targets` among them."""

    columns: Batch
    tasks: tuple[str, ...]
    corpus: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @property
    def targets(self) -> Batch:
        """What is to be said of each row."""
        return {task: self.columns[task] for task in self.tasks}

    @property
    def sources(self) -> Tensor:
        """Number of the corpus that each row comes from."""
        return torch.zeros(len(self), dtype=torch.int64) if self.corpus is None else self.corpus

    def take(self, index: Tensor) -> Batch:
        """Return all columns of some rows."""
        return {name: column[index] for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True)
class Some:
    """Some of other rows: a fold."""

    rows: Rows
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    @property
    def targets(self) -> Batch:
        """What is to be said of each row."""
        return {task: column[self.index] for task, column in self.rows.targets.items()}

    @property
    def sources(self) -> Tensor:
        """Number of the corpus that each row comes from."""
        return self.rows.sources[self.index]

    def take(self, index: Tensor) -> Batch:
        """Return all columns of some rows."""
        return self.rows.take(self.index[index])


def chunks(rows: Rows, size: int = 512) -> Iterator[Batch]:
    """Walk through all rows in order, some at a time."""
    for index in torch.split(torch.arange(len(rows)), size):
        yield rows.take(index)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Kept:
    """Rows in a folder: one block of steps, times and mask per row, each as long as it is. Made by `Keeper`.

    The file is open from the start, so the folder may be removed at once: a process that is killed leaves nothing.
    """

    file: int
    shape: tuple[int, ...]  # of one step
    dtype: str
    offsets: Array  # [S + 1] of each row's first step
    targets: Batch
    sources: Tensor
    clips: Tensor  # [S] number of the clip that each row comes from, in the order in which they were added
    few: bool
    """Whether they may all be in memory at once, which is faster."""
    held: list[Batch] = field(default_factory=list)
    """Then they are here, once they were asked for."""

    def __post_init__(self) -> None:
        weakref.finalize(self, os.close, self.file)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getstate__(self) -> object:
        raise TypeError("rows on disk are opened where they are, never sent; send their folder")

    @classmethod
    def open(cls, folder: Path, few: int = FEW) -> Kept:
        """Open rows that a `Keeper` has written; up to so many bytes of steps come into memory."""
        about = json.loads((folder / ROWS_FILE).read_text(encoding="utf-8"))
        with np.load(folder / "targets.npz") as columns:
            short = {name: torch.from_numpy(columns[name]) for name in columns.files}
        offsets, sources, clips = short.pop("offsets").numpy(), short.pop("sources"), short.pop("clips")
        file = os.open(folder / "rows.bin", os.O_RDONLY)
        shape, dtype, longest = tuple(about["shape"]), about["dtype"], int(np.diff(offsets).max(initial=0))
        size = (len(offsets) - 1) * longest * int(np.prod(shape)) * np.dtype(dtype).itemsize
        return cls(file, shape, dtype, offsets, short, sources, clips, few=size <= few)

    def take(self, index: Tensor) -> Batch:
        """Return some rows, padded to the longest of them."""
        numbers = index.numpy()
        if self.few:
            if not self.held:
                self.held.append(self._read(np.arange(len(self))))
            longest = int((self.offsets[numbers + 1] - self.offsets[numbers]).max(initial=0))
            columns = {name: column[index, :longest] for name, column in self.held[0].items()}
        else:
            columns = self._read(numbers)
        return columns | {task: column[index] for task, column in self.targets.items()}

    def _read(self, numbers: Array) -> dict[str, Tensor]:
        first = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - first
        room = len(numbers), int(lengths.max(initial=0))
        padded = bool((lengths < room[1]).any())  # nothing is to be zero where every row is as long
        steps = (np.zeros if padded else np.empty)((*room, *self.shape), self.dtype)
        times, mask = np.zeros(room, np.int64), np.zeros(room, np.bool_)
        width = int(np.prod(self.shape)) * steps.itemsize + times.itemsize + mask.itemsize
        read, file = 0, self.file
        for row, (start, length) in enumerate(zip(first.tolist(), lengths.tolist(), strict=True)):
            block = steps[row, :length], times[row, :length], mask[row, :length]
            read += os.preadv(file, block, start * width)  # type: ignore[arg-type]  # numpy tells it from 3.12 on
        if read != lengths.sum() * width:
            raise OSError(f"of {lengths.sum() * width} bytes of rows only {read} could be read; was their file cut?")
        columns = {"steps": steps, "mask": mask, "times": times}
        return {name: torch.from_numpy(column) for name, column in columns.items()}


class Keeper:
    """Writes rows to a folder, one clip after the other."""

    def __init__(self, folder: Path, tasks: Mapping[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._tasks = folder, tasks
        self._file = (folder / "rows.bin").open("wb")
        self._lengths: list[Array] = []
        self._sources: list[Array] = []
        self._targets: dict[str, list[Scores]] = {task: [] for task in tasks}
        self._step: tuple[tuple[int, ...], str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self._finish()

    def add(self, encoding: Encoding, targets: Mapping[str, Scores], source: int = 0) -> None:
        """Add the segments of a clip; a task without targets is not labelled in it."""
        steps, mask, times = encoding.steps, encoding.mask, encoding.times
        self._check(steps)
        there = times != 0
        there[:, :1] = True  # padding stands behind the steps, has no time and is masked
        there |= mask
        lengths = there.shape[1] - np.argmax(there[:, ::-1], axis=1) if there.size else np.zeros(len(mask), np.int64)
        for row, length in enumerate(lengths.tolist()):
            for column in (steps, times, mask):
                self._file.write(np.ascontiguousarray(column[row, :length]).data)
        self._lengths.append(lengths)
        self._sources.append(np.full(len(lengths), source, np.int64))
        for task, width in self._tasks.items():
            nothing = np.full((len(lengths), width), np.nan, np.float32)
            self._targets[task].append(targets.get(task, nothing))

    def _check(self, steps: Array) -> None:
        """All steps are alike, or they could not lie one after the other."""
        found = steps.shape[2:], steps.dtype.str
        if self._step is None and len(steps):
            self._step = found
        if len(steps) and found != self._step:
            raise ValueError(
                f"steps of shape and type {found} cannot be kept beside {self._step}; encode all clips anew"
            )

    def _finish(self) -> None:
        shape, dtype = self._step or ((), "<f4")
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *self._lengths]))])
        columns: dict[str, Array] = {task: np.concatenate(parts) for task, parts in self._targets.items() if parts}
        columns |= {"offsets": offsets, "sources": np.concatenate([np.zeros(0, np.int64), *self._sources])}
        columns["clips"] = np.repeat(np.arange(len(self._lengths)), [len(lengths) for lengths in self._lengths])
        np.savez(self._folder / "targets.npz", **columns)  # type: ignore[arg-type]  # as in `save_impression`
        with whole(self._folder / ROWS_FILE) as unfinished:
            unfinished.write_text(json.dumps({"shape": shape, "dtype": dtype}), encoding="utf-8")
