"""The demo: makes its corpus, encodes it, trains the members, fits the fusion, opens test once, writes a bundle.

    twofold demo --out runs/demo

What was made before is used again, and said so.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import ray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ensemble import bundle
from ensemble.plan import Plan
from modalities.assets import cache_folder, locate, table
from tuning.cluster import cores, running, spread_over
from tuning.corpora.demo import DEMO_VERSION, Script, is_made, make_clip, plan_demo, read_demo
from tuning.encodings import EncodingCache, fingerprint
from tuning.evaluate import FUSED, MEAN, Result, evaluate
from tuning.extract import extract
from tuning.launch import fit_directly, fit_on_ray
from tuning.recipe import Recipe, read_recipe
from tuning.train import FUSION, MAPPING, Job

RESULTS = "results.json"
FIT_FORMAT = 1
"""Raise it when the same recipe would be fitted to other weights: an earlier fit is then not used again."""


@dataclass(slots=True)
class Stages:
    """Shows what is being done and how long is left, and remembers how long each stage took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Show a stage; the caller says which share of it is done."""
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        began = time.monotonic()
        if self.console.is_terminal:
            with Progress(*columns, console=self.console) as progress:
                bar = progress.add_task(name, total=1.0)
                yield lambda share: progress.update(bar, completed=share)
                progress.update(bar, completed=1.0)
        else:
            self.say(f"{name} …")
            yield self._lines(name, began)
        self.seconds[name] = time.monotonic() - began

    def _lines(self, name: str, began: float) -> Callable[[float], None]:
        """Say how far a stage is at every tenth of it: where no bar can be drawn."""
        said = 0.1

        def show(share: float) -> None:
            nonlocal said
            if share >= said:
                said = share + 0.1
                gone = time.monotonic() - began
                self.say(f"{name}: {share:.0%} after {gone:.0f} s, about {gone / share - gone:.0f} s left")

        return show

    def say(self, text: str) -> None:
        """Show a line."""
        self.console.print(text, highlight=False, soft_wrap=True)


def demo(out: Path, *, seed: int | None = None, workers: int = 1, console: Console | None = None) -> dict[str, float]:
    """Run every stage, return the figures; `workers` = 0 trains in this process, 1 under Ray Train."""
    out = out.resolve()  # workers run elsewhere
    out.mkdir(parents=True, exist_ok=True)
    for asset in table():
        if asset.embedded:
            locate(asset.name)  # says which is missing before minutes of work, not after
    stages = Stages(console or Console(stderr=True))
    recipe = read_recipe("demo")
    recipe = recipe if seed is None else recipe.model_copy(update={"seed": seed})
    stages.say("Twofold demo: make a corpus, encode it, train the members, fit the fusion, open the test split.")
    began = time.monotonic()
    plan = Plan.of(recipe.ensemble)
    with running():
        corpus = make_corpus(stages, recipe.seed)
        job = Job(recipe, {"demo": corpus}, cache_folder() / "encodings", out / "fit" / fit_name(recipe, plan))
        cache = encode_corpus(stages, job, plan)
        fit_ensemble(stages, job, workers)
    with stages.stage("test, and write the bundle"):
        bundle.save(trained(job), out / "bundle", {"recipe": recipe.model_dump(mode="json")})
        results = evaluate(bundle.load(out / "bundle"), read_demo(corpus).split("test"), cache)
    seconds = time.monotonic() - began
    document = {"seconds": seconds, "stages": stages.seconds, "results": [asdict(result) for result in results]}
    (out / RESULTS).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    _show_times(stages)
    stages.say(f"The bundle is in {out / 'bundle'}; try: twofold predict CLIP -o DIR --bundle {out / 'bundle'}")
    return figures(results, seconds)


def fit_name(recipe: Recipe, plan: Plan) -> str:
    """Name the folder of a fit by all that it depends on: with another recipe, corpus or encoder it is fitted anew."""
    parts = {name: part.config.model_dump(mode="json") for name, part in plan.parts.items()}
    about = [FIT_FORMAT, DEMO_VERSION, fingerprint(plan), recipe.model_dump(mode="json"), parts]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


class Maker:
    """Makes clips of the demo corpus; hosted by Ray actors."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, script: Script) -> None:
        """Make one clip."""
        make_clip(script, self._folder)


def make_corpus(stages: Stages, seed: int) -> Path:
    """Make the clips that are missing, in parallel; returns the corpus's folder."""
    folder = cache_folder() / "demo" / f"seed-{seed}"
    scripts = plan_demo(seed)
    missing = [script for script in scripts if not is_made(script, folder)]
    if not missing:
        stages.say(f"corpus: all {len(scripts)} clips were made before, in {folder}")
        return folder
    stages.say(f"corpus: making {len(missing)} of {len(scripts)} clips in {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    with stages.stage("make the corpus") as show:
        actor = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=2)(Maker)
        count = _Count(len(missing), show)
        spread_over(lambda: actor.remote(folder), "make", missing, cores(), done=count)
    return folder


def encode_corpus(stages: Stages, job: Job, plan: Plan) -> EncodingCache:
    """Encode the clips that are not in the cache."""
    clips = read_demo(job.corpora["demo"]).clips
    cache = EncodingCache(job.encodings, plan)
    missing = cache.missing(clips)
    if not missing:
        stages.say(f"encodings: all {len(clips)} clips were encoded before, in {job.encodings}")
        return cache
    with stages.stage("perceive and encode") as show:
        extract(plan, missing, job.encodings, done=_Count(len(missing), show))
    return cache


def fit_ensemble(stages: Stages, job: Job, workers: int) -> None:
    """Fit members and fusion, unless this recipe was fitted here before."""
    if (job.out / MAPPING).exists():  # the last part that is written
        stages.say(f"training: fitted before with the same recipe, in {job.out}")
        return
    with stages.stage("train members and fusion") as show:
        launch = fit_on_ray if workers else fit_directly
        launch(job, lambda step: show((step.number + step.share) / step.parts))


def trained(job: Job) -> Plan:
    """Return the recipe's plan with the parts that were fitted."""
    plan = Plan.of(job.recipe.ensemble)
    return replace(
        plan,
        heads={name: type(head).load(job.out / name) for name, head in plan.heads.items()},
        fusion=type(plan.fusion).load(job.out / FUSION),
        mapping=type(plan.mapping).load(job.out / MAPPING),
    )


def figures(results: Sequence[Result], seconds: float) -> dict[str, float]:
    """Return the flat figures of a run."""
    named = {result.name: result for result in results}
    members = [result for result in results if result.name not in (FUSED, MEAN)]
    fused = named[FUSED]
    va_ccc, au_f1 = fused.va_ccc or 0.0, fused.au_f1 or 0.0
    return {
        "seconds": round(seconds, 1),
        "expression_macro_f1_fused": fused.expression_f1,
        "expression_macro_f1_mean": named[MEAN].expression_f1,
        "expression_macro_f1_best_member": max(result.expression_f1 for result in members),
        "uar_worst_member": min(result.uar_present for result in members),
        "compound_macro_f1_fused": fused.compound_f1,
        "va_ccc_fused": va_ccc,
        "au_f1_fused": au_f1,
        "mtl_p": va_ccc + fused.expression_f1 + au_f1,
    }


def results_table(out: Path) -> Table:
    """Return the table of a run for people."""
    document = json.loads((out / RESULTS).read_text(encoding="utf-8"))
    results = [Result(**entry) for entry in document["results"]]
    table = Table(title="Test split, per frame (95 % interval by clip)")
    for name in (
        "",
        "expression F1",
        "interval",
        "F1 present",
        "UAR present",
        "present",
        "compound F1",
        "CCC",
        "AU F1",
    ):
        table.add_column(name, justify="left" if not name else "right")
    for result in results:
        low, high = result.expression_f1_interval
        cells = (result.expression_f1_present, result.uar_present, result.present, result.compound_f1)
        table.add_row(
            result.name,
            f"{result.expression_f1:.3f}",
            f"{low:.2f}–{high:.2f}",
            *("–" if value is None else f"{value:.3f}" for value in (*cells, result.va_ccc, result.au_f1)),
        )
    return table


class _Count:
    """Counts what is done and shows the share."""

    def __init__(self, total: int, show: Callable[[float], None]) -> None:
        self._total, self._show, self._done = total, show, 0

    def __call__(self, _: object) -> None:
        self._done += 1
        self._show(self._done / self._total)


def _show_times(stages: Stages) -> None:
    stages.say("  ".join(f"{name}: {seconds:.0f} s" for name, seconds in stages.seconds.items()))
