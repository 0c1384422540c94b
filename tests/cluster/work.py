"""What the test's cluster is given to do; it runs on the head, and notes on which machine each part of it ran.

RAY_ADDRESS=auto python -m tests.cluster.work prepare|extract|train|heads|fusion FOLDER [OUT]

What is fitted and searched is kept in a bucket, what is extracted in the folder that all machines share.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.plan import EnsembleSettings, Plan
from tests import films, toys
from tests.cluster.hosts import WORKERS
from tests.cluster.notes import BUCKET, CLIPS, EPOCHS, TRIALS
from tests.tuning import tiny
from tuning.cluster import running
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.recipe import Recipe, parse_recipe
from tuning.storage import VARIABLE, kept, placed, send

SECONDS = 3.0
ONE_EACH = {"cpus": 1, "resources": {"cpu_node": 0.6}}
"""What leaves room for one on each machine."""
ELSEWHERE = {"num_cpus": 0, "resources": {"cpu_node": 0.6}}
"""What takes a machine's room, so that trials go to the others: they begin one by one, and the first would do all."""
READER = "tests.cluster.parts:read"
LABELLED = 12
"""Clips in the table."""
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
encoders = { resources = { cpu_node = 0.4 } }
cues = { resources = { cpu_node = 0.6 } }
fit = { cpus = 1, resources = { cpu_node = 0.6 } }
"""


def settings(folder: Path) -> EnsembleSettings:
    """Return the faces of the toy ensemble, which note where they are perceived; one process for each would do."""
    usual = toys.settings().model_dump(mode="json", exclude_defaults=True)
    cues = {"people": {"kind": "tests.cluster.parts:Noted", "notes": str(folder / "perceived")}}
    return EnsembleSettings.model_validate({**usual, "cues": cues, "modalities": {"face": usual["modalities"]["face"]}})


HEADS = {"face.static.dropout": {"low": 0.0, "high": 0.4}, "fit.face.static.lr": {"low": 0.001, "high": 0.05}}
FUSION = {"fit.fusion.pull": {}}


def recipe(search: Mapping[str, Any] | None = None, trials: int = TRIALS, fusion: str = "mhpf") -> Recipe:
    """Return what is fitted and searched; one worker, and one trial, on each machine."""
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    table["ensemble"]["fusion"] = {"kind": fusion}
    default = {"epochs": EPOCHS, "patience": EPOCHS, "batch": 8, "lr": 0.005, "ema": 0.95, "mixup": 0.2}
    return parse_recipe(
        {
            **table,
            "corpora": [READER],
            "fit": {"default": default, "fusion": {"epochs": 10, "lr": 0.05}},
            "search": dict(search or {}),
            "tune": {"trials": trials, "stop": "never", "confirm": 0},
            "cluster": {"fit": ONE_EACH, "cues": ONE_EACH, "wait": 300},  # for machines that `ray up` still starts
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
        if number < LABELLED:
            rows.append(f"clips/clip-{number}.mp4,{split}-{number},{split},{LABELS[number // 4 % len(LABELS)]}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    (folder / "my_recipe.toml").write_text(RECIPE)
    tiny.make(folder / "tiny" / "corpus", kept("encodings"), Plan.of(recipe().ensemble))


def clips_in(folder: Path) -> list[LabelledClip]:
    """Return the clips in a folder."""
    nowhere = AtTimes(np.zeros(0, np.int64))
    return [LabelledClip(path.stem, path, path.stem, "train", nowhere, {}) for path in sorted(folder.glob("*.mp4"))]


def cache_of(folder: Path, out: Path) -> EncodingCache:
    """Return the cache that extraction fills."""
    return EncodingCache(out / "cache", Plan.of(settings(out)))


def extract(folder: Path, name: str) -> None:
    """Perceive and encode all clips."""
    from tuning.extract import extract

    cache = cache_of(folder, folder / name)
    extract(cache.missing(clips_in(folder / "clips")), cache, lambda _: None, recipe().cluster)


def train(folder: Path, name: str) -> None:
    """Fit with two workers, with a state after every epoch."""
    from tuning.launch import fit_on_ray
    from tuning.train import Job

    out = placed(Path(name))
    job = Job(recipe(), {READER: folder / "tiny" / "corpus"}, kept("encodings"), out, save_every=0)
    (out / "told.json").write_text(json.dumps(fit_on_ray(job, lambda _: None, workers=2)))
    send(out)


def heads(folder: Path, name: str) -> None:
    """Search a head's settings."""
    sweep(folder, name, recipe(HEADS))


def fusion(folder: Path, name: str) -> None:
    """Search the fusion's weights, one trial for each of two machines."""
    sweep(folder, name, recipe(FUSION, trials=len(WORKERS), fusion="tests.cluster.parts:Patient"))


class Nobody:
    """Does nothing."""


def sweep(folder: Path, name: str, wished: Recipe) -> None:
    """Search, on the other machines; two trials at a time."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
    from rich.console import Console

    from tuning.search.asking import Asking
    from tuning.search.run import search
    from tuning.stages import Stages

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    _place = ray.remote(**ELSEWHERE, scheduling_strategy=here)(Nobody).remote()
    corpora, stages = {READER: folder / "tiny" / "corpus"}, Stages(Console(stderr=True))
    search(wished, corpora, placed(Path(name)), Asking(2, workers=0), stages)


def main() -> None:
    """Do what is asked."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what != "extract":
        os.environ[VARIABLE] = f"file://{folder}/{BUCKET}"
    if what == "prepare":
        prepare(folder)
        return
    with running():
        {"extract": extract, "train": train, "heads": heads, "fusion": fusion}[what](folder, sys.argv[3])


if __name__ == "__main__":
    main()
