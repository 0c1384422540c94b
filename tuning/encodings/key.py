"""What a piece is kept under: everything that decides what perception finds, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.plan import Plan
from modalities import assets
from tuning.corpora.corpus import LabelledClip

FORMAT = 4
"""Raise it when cues or encoders change what they find: what was kept before is then not used again."""


def fingerprint(plan: Plan) -> str:
    """Return the hash of everything that decides what perception finds in a clip, defaults included.

    How a modality is called decides nothing, nor do heads.
    """
    modalities = [
        {
            "name": modality.name,
            "settings": modality.config.model_dump(mode="json"),
            "encoder": [modality.encoder.name, modality.encoder.config.model_dump(mode="json")],
            "grids": sorted({member.grid.model_dump_json() for member in plan.members if member.modality == name}),
        }
        for name, modality in plan.modalities.items()
    ]
    cues = {name: [cue.name, cue.config.model_dump(mode="json")] for name, cue in plan.cues.items()}
    parts = [*plan.cues.values(), *plan.modalities.values(), *(one.encoder for one in plan.modalities.values())]
    wanted = {name for part in parts for name in part.assets}
    files = {asset.name: asset.sha256 for asset in assets.table() if asset.name in wanted}
    own = {str(path): _bytes(path) for part in parts for path in part.reads}
    about = {"format": FORMAT, "cues": cues, "modalities": modalities, "assets": files, "own": own}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def content_of(clip: LabelledClip, file: bytes) -> str:
    """Return the hash of what is in a clip: its file, of which the hash is given, and all that its corpus brings."""
    digest = hashlib.sha256(file)
    for part in (clip.brought, clip.segments, clip.end):
        hash_into(part, digest.update)
    return digest.hexdigest()[:24]


def file_hash(path: Path) -> bytes:
    """Hash the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def hash_into(value: Any, update: Callable[[bytes], None]) -> None:
    """Hash what a corpus brings, by content."""
    if isinstance(value, np.ndarray):
        update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        update(type(value).__name__.encode())
        for field in fields(value):
            hash_into(getattr(value, field.name), update)
    elif isinstance(value, Mapping):
        hash_into(tuple(sorted(value.items())), update)
    elif isinstance(value, tuple):
        for part in value:
            hash_into(part, update)
    else:
        update(repr(value).encode())


def _bytes(path: Path) -> str:
    """Hash a file, or all files of a folder; nothing where there is neither, which its part will say."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.name.encode() + file_hash(file))
    return digest.hexdigest()
