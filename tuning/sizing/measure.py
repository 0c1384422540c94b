"""What a bundle's parts cost on this machine, with one thread, on one clip."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble import bundle as bundles
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from modalities.device import device
from modalities.native import use_threads
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.recipe import read_recipe
from tuning.search.trials.costs import Costs, measure_costs


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured, and on what."""

    costs: Costs
    clip: str
    on_gpu: bool
    """Whether networks ran on a GPU."""
    memory: float
    """GiB that this process took at most."""


@contextmanager
def opened(folder: Path | None) -> Iterator[Plan]:
    """Open a bundle's plan, or the demo's, untrained, where none is named."""
    with bundles.load(folder) if folder else Recognizer(Plan.of(read_recipe("demo").ensemble)) as recognizer:
        yield recognizer.plan


def measure(plan: Plan, clip: Path | None) -> Measured:
    """Time every part on the start of a clip; FileNotFoundError where there is none."""
    use_threads(1)
    if clip is not None and not clip.is_file():
        raise FileNotFoundError(2, "no such file", str(clip))
    with tempfile.TemporaryDirectory(prefix="twofold-size-") as scratch:
        path = clip or _made(Path(scratch))
        costs = measure_costs(plan, LabelledClip(path.stem, path, "nobody", "test", AtTimes(np.zeros(0, np.int64)), {}))
    name = "a clip of the demo's corpus, made for this" if clip is None else clip.name
    return Measured(costs, name, device().type != "cpu", _peak())


def _made(folder: Path) -> Path:
    """Make a clip with a face, a voice and words."""
    from tuning.corpora.demo import make_clip, plan_demo

    script = next(script for script in plan_demo(seed=7) if script.sentences)
    make_clip(script, folder)
    return next(folder.glob("*.mp4"))


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
