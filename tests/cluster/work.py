"""What the test's cluster is given to do; it runs on the head, and notes on which machine each part of it ran.

RAY_ADDRESS=auto python -m tests.cluster.work prepare|extract|train|sweep FOLDER [OUT]
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from rich.console import Console

from ensemble.plan import EnsembleSettings, Plan
from modalities.types import ClipName, Frames
from tests import films, toys
from tests.cluster.notes import CLIPS, EPOCHS, TRIALS, note
from tests.tuning import tiny
from tuning.cluster import running
from tuning.corpora.corpus import Corpus, LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.extract import extract
from tuning.fit.world import World
from tuning.launch import fit_on_ray
from tuning.recipe import Recipe, parse_recipe
from tuning.search.asking import Asking
from tuning.search.run import search
from tuning.stages import Stages
from tuning.train import Job

SECONDS, PAUSE = 3.0, 0.7
ONE_EACH = {"cpus": 1, "resources": {"cpu_node": 0.6}}
"""What leaves room for one on each machine."""
READER = "tests.cluster.work:read"
LABELS = ("Happiness", "Neutral", "Sadness", "Surprise")
RECIPE = """
name = "toy"

[ensemble.cues]
people = { kind = "tests.toys:Marks" }
voice = { kind = "tests.toys:Tones" }

[ensemble.modalities.face]
kind = "face"
settings = { encoder = { kind = "tests.toys:Shapes" }, faces = "people" }
heads = { static = { kind = "mean", grid = "frames" } }

[ensemble.modalities.audio]
kind = "audio"
settings = { encoder = { kind = "tests.toys:Loudness" }, speech = "voice" }
heads = { attention = { kind = "attention", grid = { duration = 2, step = 1, tail = 0.5 }, tasks = ["expression"] } }

[fit]
default = { epochs = 3 }
fusion = { epochs = 2 }

[cluster]
cues = { resources = { cpu_node = 0.6 } }
fit = { cpus = 1, resources = { cpu_node = 0.6 } }
"""


class Noted(toys.Marks):
    """Sees what `Marks` does, takes its time, and notes where it ran."""

    name = "noted"
    wants: ClassVar = {"frames": Frames, "clip": ClipName}

    class Config(toys.Marks.Config):
        """Where to note it."""

        notes: str

    @property
    def needs(self):
        return {"frames": "frames", "clip": "clip"}

    def perceive(self, percepts, segments, memory):
        note(Path(self.config.notes), percepts["clip"].name)
        time.sleep(PAUSE)
        return super().perceive(percepts, segments, memory)


def settings(folder: Path) -> EnsembleSettings:
    """Return the faces of the toy ensemble, which note where they are perceived; one process for each would do."""
    usual = toys.settings().model_dump(mode="json", exclude_defaults=True)
    cues = {"people": {"kind": "tests.cluster.work:Noted", "notes": str(folder / "perceived")}}
    return EnsembleSettings.model_validate({**usual, "cues": cues, "modalities": {"face": usual["modalities"]["face"]}})


def read(folder: Path) -> Corpus:
    """Read the tiny corpus, and note which worker reads it where."""
    note(folder.parent / "fitted", f"rank-{World.here().rank}")
    return tiny.read(folder)


def recipe() -> Recipe:
    """Return what is fitted and searched; one worker, and one trial, on each machine."""
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    default = {"epochs": EPOCHS, "patience": EPOCHS, "batch": 8, "lr": 0.005, "ema": 0.95, "mixup": 0.2}
    searched = {
        "face.static.dropout": {"low": 0.0, "high": 0.4},
        "fit.face.static.lr": {"low": 0.001, "high": 0.05},
        "fusion.kind": ["mean", "mhpf", "dirichlet"],
        "fit.fusion.pull": {},
    }
    return parse_recipe(
        {
            **table,
            "corpora": [READER],
            "fit": {"default": default, "fusion": {"epochs": 10, "lr": 0.05}},
            "search": searched,
            "tune": {"trials": TRIALS, "stop": "never", "confirm": 0},
            "cluster": {"fit": ONE_EACH, "cues": ONE_EACH},
        }
    )


def prepare(folder: Path) -> None:
    """Make clips, a table of their labels, a recipe for it, and the tiny corpus with its encodings."""
    film = films.write(films.film(SECONDS), folder / "film.mp4", scale=4)
    clips = folder / "clips"
    clips.mkdir()
    rows = ["path,subject,split,expression"]
    for number in range(CLIPS):
        ending = (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big")  # a box that nobody reads
        (clips / f"clip-{number}.mp4").write_bytes(film.read_bytes() + ending)
        split = ("dev", "test", "train", "train")[number % 4]
        rows.append(f"clips/clip-{number}.mp4,{split}-{number},{split},{LABELS[number // 4 % len(LABELS)]}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "my_recipe.toml").write_text(RECIPE)
    tiny.make(folder / "tiny" / "corpus", folder / "encodings", Plan.of(recipe().ensemble))


def clips_in(folder: Path) -> list[LabelledClip]:
    """Return the clips in a folder."""
    nowhere = AtTimes(np.zeros(0, np.int64))
    return [LabelledClip(path.stem, path, path.stem, "train", nowhere, {}) for path in sorted(folder.glob("*.mp4"))]


def cache_of(folder: Path, out: Path) -> EncodingCache:
    """Return the cache that extraction fills."""
    return EncodingCache(out / "cache", Plan.of(settings(out)))


def extract_clips(folder: Path, out: Path) -> None:
    """Perceive and encode all clips."""
    cache = cache_of(folder, out)
    extract(cache.missing(clips_in(folder / "clips")), cache, lambda _: None, recipe().cluster)


def job(folder: Path, out: Path) -> Job:
    """Return what is to be fitted, with a state after every epoch."""
    return Job(recipe(), {READER: folder / "tiny" / "corpus"}, folder / "encodings", out, save_every=0)


def train(folder: Path, out: Path) -> None:
    """Fit with two workers."""
    scores = fit_on_ray(job(folder, out), lambda _: None, workers=2)
    (out / "told.json").write_text(json.dumps(scores))


def sweep(folder: Path, out: Path) -> None:
    """Search a head's settings, then the fusion's; three trials at a time."""
    asking = Asking(3, resume=(out / "search").exists(), workers=0)
    os.environ["TWOFOLD_STORAGE"] = str(folder)  # where the encodings are
    search(recipe(), {READER: folder / "tiny" / "corpus"}, out, asking, Stages(Console(stderr=True)))


def main() -> None:
    """Do what is asked."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "prepare":
        prepare(folder)
        return
    with running():
        {"extract": extract_clips, "train": train, "sweep": sweep}[what](folder, Path(sys.argv[3]))


if __name__ == "__main__":
    main()
