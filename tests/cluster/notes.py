"""How much the cluster is given to do, and notes on which machine did it; nothing heavy is imported here."""

from __future__ import annotations

import socket
from pathlib import Path

CLIPS, EPOCHS, TRIALS, MEMBERS = 24, 20, 4, 2
BUCKET = "bucket"
"""A folder that stands for a bucket: fits and sweeps know it as file://, and reach nothing else that is shared."""


def note(notes: Path, what: str) -> None:
    """Write down that something ran here."""
    notes.mkdir(parents=True, exist_ok=True)
    with (notes / socket.gethostname()).open("a") as lines:
        lines.write(f"{what}\n")


def noted(notes: Path) -> dict[str, list[str]]:
    """Return machine → what ran there."""
    return {path.name: path.read_text().split() for path in sorted(notes.glob("*"))}
