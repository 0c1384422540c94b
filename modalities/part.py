"""What a part is: one interface for everything that a bundle holds.

A part is made from its settings, says what it needs, and is saved as `part.json` (settings and labels) beside
`weights.safetensors`. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, final

from safetensors.numpy import load_file, save_file

from modalities import config as settings
from modalities.labels import Labels
from modalities.types import Array

SETTINGS_FILE, WEIGHTS_FILE = "part.json", "weights.safetensors"


class Part(ABC):
    """A cue, an encoder, a head, a modality, a fusion or a mapping."""

    class Config(settings.Config):
        """Settings of this part."""

    name: ClassVar[str]
    """The name in the catalog."""
    licence: ClassVar[str] = "Apache-2.0"
    """Of the code; the licences of weights stand in `assets.toml`."""
    assets: ClassVar[tuple[str, ...]] = ()
    """Names in `assets.toml` of the files without which the part cannot work."""

    config: settings.Config

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @property
    def needs(self) -> Mapping[str, str]:
        """Role → instance name of the cue that fills it, computed from the settings."""
        return {}

    @property
    def reads(self) -> tuple[Path, ...]:
        """Files and folders of the user's own, outside of any bundle, on whose content the part's answers depend."""
        return ()

    @property
    def speaks(self) -> Mapping[str, Labels]:
        """Task → the labels that the part's weights were made for; empty where it has none."""
        return {}

    def state(self) -> dict[str, Array]:
        """Return the trained weights by name; empty where there is nothing to train."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put trained weights back."""
        if state:
            raise ValueError(f"{self.name} has no weights, but was given {sorted(state)}")

    @final
    def save(self, folder: Path) -> None:
        """Write settings, labels and weights; the folder appears whole, and takes the place of one that was there."""
        scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        labels = {task: list(names) for task, names in self.speaks.items()}
        weights = self.state()
        chosen = self.config.model_dump(mode="json")
        about = {"name": self.name, "settings": chosen, "labels": labels, "weights": bool(weights)}
        (scratch / SETTINGS_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        if weights:
            save_file(weights, scratch / WEIGHTS_FILE)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)

    @final
    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved part; refuses a folder of another part, and weights made for other labels."""
        about: dict[str, Any] = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        if about["name"] != cls.name:
            raise ValueError(f"{folder} holds the part {about['name']!r}, but {cls.name!r} was asked for")
        part = cls(cls.Config.model_validate(about["settings"]))
        expected = {task: list(names) for task, names in part.speaks.items()}
        if about["labels"] != expected:
            raise ValueError(
                f"the weights in {folder} were trained for the labels {about['labels']}, "
                f"but {cls.name!r} with these settings speaks {expected}; train it again"
            )
        weights = folder / WEIGHTS_FILE
        trained = about.get("weights", weights.exists())  # a copy may have those of another that was there before
        part.restore(load_file(weights) if trained else {})
        return part
