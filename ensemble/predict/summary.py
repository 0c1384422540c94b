"""What `predict` did: one line per clip for people, one document for programs, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.predict.clips import Gathered, Refusal, Source
from ensemble.write import Digest

Report = Callable[[str], None]
"""Takes what is being done, for people."""


@dataclass(frozen=True, slots=True)
class Done:
    """A clip that was recognised."""

    path: Path | None
    name: str
    digest: Digest
    realtime_factor: float
    """Seconds of work for a second of the clip, files and all."""
    files: dict[str, Path]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done, what failed, and what was passed over."""

    done: tuple[Done, ...]
    failed: tuple[Refusal, ...]
    skipped: tuple[Refusal, ...]

    @property
    def code(self) -> int:
        """The exit code: 0 where every clip was done, 1 where one failed."""
        return 1 if self.failed else 0

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return columns and rows for people."""
        columns = ["clip", "most often", "share", "faces", "speech", "realtime factor", "files"]
        return columns, [_row(done) for done in self.done]

    def remarks(self) -> list[str]:
        """Return a sentence for everything that did not go as wished."""
        problems = [problem for done in self.done for problem in done.problems]
        skipped = [f"skipped {refusal.path}: {refusal.reason}" for refusal in self.skipped]
        failed = [f"failed {refusal.path}: {refusal.reason}" for refusal in self.failed]
        count = len(self.done) + len(self.failed)
        return [*problems, *skipped, *failed, *([f"{len(failed)} of {count} clips failed"] if failed else [])]

    def document(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "format": "twofold.prediction",
            "version": 1,
            "clips": [_plain(done) for done in self.done],
            "failed": [{"path": str(refusal.path), "reason": refusal.reason} for refusal in self.failed],
            "skipped": [{"path": str(refusal.path), "reason": refusal.reason} for refusal in self.skipped],
        }


def _row(done: Done) -> list[str]:
    digest = done.digest
    return [
        done.name,
        digest.top_compound or "-",
        "-" if digest.share is None else f"{digest.share:.0%}",
        str(digest.faces),
        "-" if digest.speech is None else f"{digest.speech:.1f} s",
        f"{done.realtime_factor:.2f}",
        str(done.files["json"].with_suffix("")) + ".*",
    ]


def _plain(done: Done) -> dict[str, Any]:
    digest = done.digest
    return {
        "name": done.name,
        "path": None if done.path is None else str(done.path),
        "duration": round(digest.duration, 6),
        "top_compound": digest.top_compound,
        "share": None if digest.share is None else round(digest.share, 5),
        "faces": digest.faces,
        "speech": None if digest.speech is None else round(digest.speech, 6),
        "realtime_factor": round(done.realtime_factor, 4),
        "problems": list(done.problems),
        "files": {kind: str(path) for kind, path in done.files.items()},
    }


def one_by_one(gathered: Gathered, attempt: Callable[[Source, Report], Done | Refusal], report: Report) -> Summary:
    """Attempt one clip after the other; what is told of each stands under its number and name."""
    done: list[Done] = []
    failed = list(gathered.missing)
    for number, source in enumerate(gathered.sources, start=1):
        outcome = attempt(source, _under(f"{number} of {len(gathered.sources)}: {source.name}", report))
        if isinstance(outcome, Done):
            done.append(outcome)
        else:
            failed.append(outcome)
    return Summary(tuple(done), tuple(failed), gathered.skipped)


def _under(heading: str, report: Report) -> Report:
    return lambda what: report(f"{heading}, {what}")
