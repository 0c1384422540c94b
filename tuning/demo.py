"""The demo: makes its corpus, runs the recipe `demo` on it, opens test once.

    twofold demo --out runs/demo

What was made before is used again, and said so.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import ray
from rich.console import Console

from ensemble import bundle
from modalities.assets import locate, table
from tuning.cluster import LIVES, cores, running, spread_over
from tuning.corpora.demo import Script, clip_paths, is_made, make_clip, plan_demo, read_demo
from tuning.encodings import EncodingCache
from tuning.evaluation import Result, evaluate
from tuning.evaluation.show import document, figures
from tuning.recipe import read_recipe
from tuning.run import encode, run
from tuning.stages import Count, Stages
from tuning.storage import fetch, kept, placed, send, shown

RESULTS = "results.json"
SEED = 7
"""Of the corpus that everybody has who ran the demo."""


def demo(
    out: Path, *, seed: int | None = None, workers: int = 1, console: Console | None = None
) -> tuple[list[Result], dict[str, float]]:
    """Run every stage, return results and figures; `workers` = 0 trains in this process, 1 under Ray Train."""
    out = placed(out)  # workers run elsewhere
    out.mkdir(parents=True, exist_ok=True)
    for asset in table():
        if asset.embedded:
            locate(asset.name)  # says which is missing before minutes of work, not after
    stages = Stages(console or Console(stderr=True))
    recipe = read_recipe("demo")
    recipe = recipe if seed is None else recipe.model_copy(update={"seed": seed})
    stages.say("Twofold demo: make a corpus, encode it, train the members, fit the fusion, open the test split.")
    began = time.monotonic()
    with running():
        corpus = make_corpus(stages, recipe.seed)
        folder = run(recipe, {"demo": corpus}, out, workers=workers, stages=stages)
        with bundle.load(folder) as recognizer:
            read = read_demo(corpus)
            test = replace(read, clips=read.split("test"))
            cache = EncodingCache(kept("encodings"), recognizer.plan)
            encode(stages, [test], cache, recipe.cluster)
            with stages.stage("open the test split"):
                results = evaluate(recognizer, test.clips, cache)
    seconds = time.monotonic() - began
    told = {"seconds": seconds, "stages": stages.seconds, "results": document(results)}
    (out / RESULTS).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    send(out / RESULTS)
    stages.sum_up()
    stages.say(f"The bundle is in {shown(folder)}; try: twofold predict CLIP -o DIR --bundle {folder}")
    return results, {"seconds": round(seconds, 1), **figures(results)}


class Maker:
    """Makes clips of the demo corpus; hosted by Ray actors."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, script: Script) -> None:
        """Make one clip."""
        make_clip(script, self._folder)
        for path in clip_paths(script, self._folder):
            send(path)


def make_corpus(stages: Stages, seed: int = SEED) -> Path:
    """Make the clips that are missing, in parallel; returns the corpus's folder."""
    folder = fetch(kept("demo") / f"seed-{seed}")
    send(folder)  # what was made here by somebody who was stopped before it was sent
    scripts = plan_demo(seed)
    missing = [script for script in scripts if not is_made(script, folder)]
    if not missing:
        stages.say(f"corpus: all {len(scripts)} clips were made before, in {folder}")
        return folder
    stages.say(f"corpus: making {len(missing)} of {len(scripts)} clips in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    with stages.stage("make the corpus") as show:
        actor = ray.remote(num_cpus=1, **LIVES)(Maker)
        count = Count(len(missing), show)
        spread_over(lambda: actor.remote(folder), "make", missing, cores(), done=count)
    return folder
