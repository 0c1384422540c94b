"""The runs that are killed, each in a process of its own.

python -m tests.faults.driver train FOLDER OUT | twins FOLDER OUT | extract FOLDER | sweep FOLDER OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ensemble.plan import Plan
from tests import toys
from tests.tuning import tiny
from tuning.cluster import running
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.extract import extract
from tuning.launch import fit_on_ray
from tuning.recipe import Recipe, parse_recipe
from tuning.search.asking import Asking
from tuning.search.run import search as run_search
from tuning.stages import Stages
from tuning.storage import holds
from tuning.train import Job

EPOCHS = 60
SWITCHED_ON = {"epochs": EPOCHS, "patience": EPOCHS, "batch": 8, "lr": 0.005, "ema": 0.95, "mixup": 0.2}
TWINS = {"epochs": 8, "patience": 8, "batch": 8, "lr": 0.005}
"""Two of them: half the batch of one."""
POINTS = 4
"""Of a sweep."""


def job(folder: Path, out: Path, fit: dict[str, Any], dropout: float = 0.15) -> Job:
    """Return what is to be fitted on the tiny corpus, with a state after every epoch."""
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    for modality in table["ensemble"]["modalities"].values():
        for head in modality["heads"].values():
            head["settings"] = {"dropout": dropout}
    recipe: Recipe = parse_recipe({**table, "fit": {"default": fit, "fusion": {"epochs": 10, "lr": 0.05}}})
    return Job(recipe, {tiny.READER: folder / "corpus"}, folder / "encodings", out, save_every=0)


def sweep(folder: Path, out: Path) -> None:
    """Search a member's settings, one trial at a time; goes on where one was begun."""
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    fit = {"default": {"epochs": 12, "patience": 12, "batch": 8, "lr": 0.005}, "fusion": {"epochs": 2}}
    search = {"face.static.dropout": {"low": 0.0, "high": 0.4}, "fit.face.static.lr": {"low": 0.001, "high": 0.05}}
    tune = {"trials": POINTS, "stop": "never", "confirm": 1}
    recipe = parse_recipe({**table, "fit": fit, "search": search, "tune": tune})
    resume = holds(out / "search")
    run_search(
        recipe, {tiny.READER: folder / "corpus"}, out, Asking(1, resume=resume, workers=0), Stages(Console(stderr=True))
    )


def clips(folder: Path) -> list[LabelledClip]:
    """Return the clips in a folder."""
    nowhere = AtTimes(np.zeros(0, np.int64))
    return [LabelledClip(path.stem, path, path.stem, "train", nowhere, {}) for path in sorted(folder.glob("*.mp4"))]


def main() -> None:
    """Do what is asked."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    with running(cpus=2):
        if what == "extract":
            cache = EncodingCache(folder / "cache", Plan.of(toys.settings()))
            extract(cache.missing(clips(folder)), cache, lambda _: None)
            return
        out = Path(sys.argv[3])
        if what == "sweep":
            sweep(folder, out)
            return
        asked = job(folder, out, TWINS, dropout=0.0) if what == "twins" else job(folder, out, SWITCHED_ON)
        scores = fit_on_ray(asked, lambda _: None, workers=2 if what == "twins" else 1)
        (out / "scores.json").write_text(json.dumps(scores))


if __name__ == "__main__":
    main()
