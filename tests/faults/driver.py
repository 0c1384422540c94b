"""The runs that are killed, each in a process of its own.

python -m tests.faults.driver train FOLDER OUT | twins FOLDER OUT | extract FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

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
from tuning.train import Job

EPOCHS = 60
SWITCHED_ON = {"epochs": EPOCHS, "patience": EPOCHS, "batch": 8, "lr": 0.005, "ema": 0.95, "mixup": 0.2}
TWINS = {"epochs": 8, "patience": 8, "batch": 8, "lr": 0.005}
"""Two of them: half the batch of one."""


def job(folder: Path, out: Path, fit: dict[str, Any], dropout: float = 0.15) -> Job:
    """Return what is to be fitted on the tiny corpus, with a state after every epoch."""
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    for modality in table["ensemble"]["modalities"].values():
        for head in modality["heads"].values():
            head["settings"] = {"dropout": dropout}
    recipe: Recipe = parse_recipe({**table, "fit": {"default": fit, "fusion": {"epochs": 10, "lr": 0.05}}})
    return Job(recipe, {tiny.READER: folder / "corpus"}, folder / "encodings", out, save_every=0)


def clips(folder: Path) -> list[LabelledClip]:
    """Return the clips in a folder."""
    nowhere = AtTimes(np.zeros(0, np.int64))
    return [LabelledClip(path.stem, path, path.stem, "train", nowhere, {}) for path in sorted(folder.glob("*.mp4"))]


def main() -> None:
    """Do what is asked."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    with running(cpus=2):
        if what == "extract":
            plan = Plan.of(toys.settings())
            cache = EncodingCache(folder / "cache", plan)
            extract(plan, cache.missing(clips(folder)), cache, lambda _: None)
            return
        out = Path(sys.argv[3])
        asked = job(folder, out, TWINS, dropout=0.0) if what == "twins" else job(folder, out, SWITCHED_ON)
        scores = fit_on_ray(asked, lambda _: None, workers=2 if what == "twins" else 1)
        (out / "scores.json").write_text(json.dumps(scores))


if __name__ == "__main__":
    main()
