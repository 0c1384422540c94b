"""Where the files of jobs lie: a folder for each, with the clip and what each attempt wrote.

<folder>/jobs.sqlite     <folder>/uploads/…     <folder>/jobs/<id>/clip     <folder>/jobs/<id>/<attempt>/result.json
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serve.jobs.job import Job

CLIP = "clip"


@dataclass(frozen=True, slots=True)
class Places:
    """The folder of all jobs. Every method blocks."""

    root: Path

    @property
    def store(self) -> Path:
        """The file of the store."""
        return self.root / "jobs.sqlite"

    @property
    def uploads(self) -> Path:
        """Where clips lie while they arrive."""
        return self.root / "uploads"

    def clip(self, job: str) -> Path:
        """The clip of a job."""
        return self.root / "jobs" / job / CLIP

    def attempt(self, job: Job) -> Path:
        """Where this attempt writes; no other writes there."""
        return self.root / "jobs" / job.id / f"{job.attempt}-{job.holder}"

    def results(self, job: Job) -> dict[str, Path]:
        """Kind → file of a job's result."""
        if job.place is None:
            return {}
        return {kind: self.root / "jobs" / job.id / job.place / name for kind, name in job.files.items()}

    def take_in(self, upload: Path, job: str) -> None:
        """Make an upload the clip of a job, on the disk for good."""
        clip = self.clip(job)
        clip.parent.mkdir(parents=True)
        upload.replace(clip)
        settle([clip, clip.parent, clip.parent.parent])

    def drop_clip(self, job: str) -> None:
        """Erase the clip of a job."""
        self.clip(job).unlink(missing_ok=True)

    def drop(self, job: str) -> None:
        """Erase all files of a job."""
        shutil.rmtree(self.root / "jobs" / job, ignore_errors=True)

    def drop_attempt(self, job: Job) -> None:
        """Erase what this attempt wrote."""
        shutil.rmtree(self.attempt(job), ignore_errors=True)

    def drop_attempts(self, job: Job, *, but: Path | None = None) -> None:
        """Erase what attempts wrote, but for one of them."""
        for path in _inside(self.root / "jobs" / job.id):
            if path.name != CLIP and path != but:
                shutil.rmtree(path, ignore_errors=True)

    def old(self, age: float) -> list[str]:
        """Return the jobs whose folders are older than `age` seconds."""
        return [path.name for path in _older(self.root / "jobs", age)]


def settle(paths: Iterable[Path]) -> None:
    """See to it that files and folders are on the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _older(folder: Path, age: float) -> Iterator[Path]:
    before = time.time() - age
    for path in _inside(folder):
        try:
            if path.stat().st_mtime < before:
                yield path
        except FileNotFoundError:  # somebody else sweeps as well
            continue
