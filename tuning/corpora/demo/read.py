"""Reading a made demo corpus back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from modalities.labels import tasks
from tuning.corpora.corpus import Corpus, LabelledClip
from tuning.corpora.demo.film import clip_paths, is_made
from tuning.corpora.demo.plan import Script, plan_demo
from tuning.corpora.labelling import AtTimes

LICENCE = (
    "pictures: warped from two United States Government portraits in the public domain (Eileen Collins, NASA; Grace "
    "Hopper, US Navy); speech: synthesised with espeak-ng; labels: CC0-1.0"
)
CITATION = "Twofold demo corpus, made by this project; action units after Du, Tao & Martinez, PNAS 111 (2014)"


def read_demo(folder: Path) -> Corpus:
    """Read all clips of a folder; raises FileNotFoundError where it does not hold a whole corpus."""
    scripts = plan_demo(_plan_seed(folder))
    missing = [script.name for script in scripts if not is_made(script, folder)]
    if missing:
        raise FileNotFoundError(
            f"the demo corpus in {folder} is incomplete: {len(missing)} of {len(scripts)} clips are missing or were "
            f"made by another version (the first is {missing[0]}); make them with `twofold demo`"
        )
    return Corpus("demo", tuple(_read(script, folder) for script in scripts), LICENCE, CITATION)


def _plan_seed(folder: Path) -> int:
    """The seed of the corpus in a folder, which every clip's labels tell."""
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path) as made:
                return int(json.loads(str(made["script"]))["plan_seed"])
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError):
            continue  # if others are of the corpus, it is told of as missing
    raise FileNotFoundError(f"there is no demo corpus in {folder}; make one with `twofold demo`")


def _read(script: Script, folder: Path) -> LabelledClip:
    clip, beside = clip_paths(script, folder)
    with np.load(beside) as made:
        labels = {task: made[task] for task in tasks()}
        return LabelledClip(script.name, clip, script.subject, script.split, AtTimes(made["times"]), labels)
