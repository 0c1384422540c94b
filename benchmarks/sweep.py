"""A sweep over a temporal head's settings: what it finds, what stopping early saves, and what Ray adds to a trial.

    python -m benchmarks.sweep [--member face.mamba] [--trials 14] [--folds 3] [--jobs 2] [--out FOLDER]

The space is that of RAS §4 as far as the head has it: hidden and vector 128, 256, 512, layers 1 to 4, d_state 4 to 16,
kernel 1 to 7, attention heads 2 to 16. Trials see train and dev of the demo's corpus, which is made if it is not there.
The best three are fitted again with other seeds, and the default stays unless another is surely better (`confirm.py`).
Winner and default are then fitted with three seeds each, as `twofold train` does, and scored on the test split, which
the sweep never saw: macro-F1 per frame of the member alone, over the classes that occur, the mean over seeds. The
interval of their difference is a paired bootstrap over clips.

What Ray adds is wall time × trials at a time − the trials' own work, per trial: with starting the processes, and
without (from when the first of them begins its work).

Goals: at least 12 trials, a third of them stopped early, and a winner that is not below the default: the difference is
not negative beyond its interval.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.report import conditions, publish
from ensemble.recognizer import Recognizer
from modalities.assets import cache_folder
from modalities.native import use_threads
from modalities.types import Array
from tuning import metrics
from tuning.catalog import read_corpus
from tuning.cluster import cores, running
from tuning.demo import make_corpus
from tuning.encodings import EncodingCache
from tuning.evaluation.compare import paired
from tuning.evaluation.evaluate import judged_as
from tuning.evaluation.result import Judged, classes
from tuning.launch import fit_directly
from tuning.recipe import Bounds, Recipe, read_recipe
from tuning.run import encode, trained
from tuning.search.asking import Asking
from tuning.search.point import laid_over, now, without
from tuning.search.run import search
from tuning.search.settings import SearchSettings
from tuning.stages import Stages
from tuning.train import Job

SEEDS = (1, 2, 3)
SPACE: Mapping[str, Mapping[str, Bounds | tuple[Any, ...]]] = {
    "face.mamba": {
        "hidden": (128, 256, 512),
        "vector": (128, 256, 512),
        "layers": Bounds(low=1, high=4),
        "state": Bounds(low=4, high=16),
        "kernel": Bounds(low=1, high=7),
    },
    "face.transformer": {
        "hidden": (128, 256, 512),
        "vector": (128, 256, 512),
        "layers": Bounds(low=1, high=4),
        "heads": (2, 4, 8, 16),
    },
}
TRIALS, STOPPED = 12, 1 / 3


def recipe_of(member: str, trials: int, folds: int) -> Recipe:
    """The demo with one member, whose settings are searched."""
    demo = read_recipe("demo")
    others = {f"{name}.{head}" for name, modality in demo.ensemble.modalities.items() for head in modality.heads} - {
        member
    }
    alone = without(demo, others)
    return alone.model_copy(
        update={
            "ensemble": alone.ensemble.model_copy(update={"fusion": {"kind": "mean"}}),
            "search": {f"{member}.{setting}": wish for setting, wish in SPACE[member].items()},
            "tune": SearchSettings(trials=trials, member_folds=folds),
        }
    )


def rescore(recipe: Recipe, corpus: Path, out: Path, stages: Stages) -> tuple[Judged, Array]:
    """Fit with three seeds; returns the frames of the test split, and the class said with each seed [F, seeds]."""
    said: list[Array] = []
    for seed in SEEDS:
        job = Job(
            recipe.model_copy(update={"seed": seed}), {"demo": corpus}, cache_folder() / "encodings", out / str(seed)
        )
        fit_directly(job, lambda _: None)
        plan = trained(job)
        cache = EncodingCache(job.encodings, plan)
        read = read_corpus("demo", corpus)
        test = replace(read, clips=read.split("test"))
        encode(stages, [test], cache)
        recognizer = Recognizer(plan)
        parts = []
        for clip in test.clips:
            impression = cache.load(clip)
            parts.append(judged_as(recognizer, clip, impression, recognizer.judge(impression)))
        judged = Judged.join(parts)
        said.append(classes(judged.truth["expression"], judged.said["expression"])[2])
    return judged, np.stack(said, axis=1)


def mean_f1(truth: Array, said: Array) -> float:
    """Macro-F1 over the classes that occur, the mean over seeds."""
    classes_there = np.unique(truth)
    count = int(max(truth.max(), said.max())) + 1
    return float(np.mean([metrics.f1_scores(truth, one, count)[classes_there].mean() for one in said.T]))


def main(words: Sequence[str] | None = None) -> int:
    """Sweep, score again, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--member", choices=list(SPACE), default="face.mamba")
    parser.add_argument("--trials", type=int, default=14)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(words)
    use_threads(1)
    out, stages = given.out or Path(tempfile.mkdtemp(prefix="twofold-sweep-")), Stages(Console(stderr=True))
    recipe = recipe_of(given.member, given.trials, given.folds)
    with running():
        corpus = make_corpus(stages)
        asking = Asking(given.jobs or cores(), workers=0)
        (outcome,) = search(recipe, {"demo": corpus}, out, asking, stages).outcomes
        own, best = now(recipe, tuple(outcome.space)), outcome.best()
        if best is None:
            raise RuntimeError("no trial was judged")
        judged, default = rescore(laid_over(recipe, own), corpus, out / "default", stages)
        _, winner = rescore(laid_over(recipe, best.settings), corpus, out / "winner", stages)
    rows, truth, _ = classes(judged.truth["expression"], judged.said["expression"])
    interval, won = paired(judged.clips[rows], mean_f1, truth, winner, default)
    stopped = sum(trial.state == "stopped" for trial in outcome.trials)
    difference = mean_f1(truth, winner) - mean_f1(truth, default)
    figures = {
        "trials": len(outcome.trials),
        "stopped_share": round(stopped / len(outcome.trials), 3),
        "own_seconds": round(sum(trial.seconds for trial in outcome.trials) / len(outcome.trials), 2),
        "added_seconds": round(outcome.added, 2),
        "added_seconds_started": round(outcome.added_started, 2),
        "default_f1": round(mean_f1(truth, default), 4),
        "winner_f1": round(mean_f1(truth, winner), 4),
        "difference": round(difference, 4),
        "difference_low": round(interval[0], 4),
        "difference_high": round(interval[1], 4),
        "won": round(won, 3),
    }
    told = [
        {"": "default", "macro-F1 on test": f"{figures['default_f1']:.3f}", "settings": _said(own)},
        {"": "winner", "macro-F1 on test": f"{figures['winner_f1']:.3f}", "settings": _said(best.settings)},
    ]
    publish(f"A sweep over {given.member}", told, figures, conditions(("torch", "ray", "optuna"), 1, len(SEEDS)))
    return int(len(outcome.trials) < TRIALS or stopped < STOPPED * len(outcome.trials) or interval[1] < 0)


def _said(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in settings.items())


if __name__ == "__main__":
    sys.exit(main())
