"""A run: corpora are encoded, the members and the fusion of a recipe fitted, a bundle written. Test is not opened.

    twofold train demo --corpus demo=~/.cache/twofold/demo/seed-7 --out runs/mine

What was made before with the same recipe and the same clips is used again, and said so.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ensemble import bundle
from ensemble.manifest import MANIFEST
from ensemble.plan import Plan
from modalities.assets import locate, table
from modalities.part import SETTINGS_FILE
from tuning.corpora.corpus import Corpus
from tuning.encodings import EncodingCache, fingerprint, hash_into
from tuning.extract import extract
from tuning.launch import fit_directly, fit_on_ray
from tuning.placement import ClusterSettings
from tuning.recipe import Recipe, RecipeError
from tuning.space import check
from tuning.stages import Count, Stages
from tuning.storage import fetch, forget, holds, kept, send
from tuning.tracking import check_tracking, tracked
from tuning.train import FUSION, MAPPING, Job, Step, dev_is_given, read_scores

FIT_FORMAT = 2
"""Raise it when the same recipe would be fitted to other weights: an earlier fit is then not used again."""
_VERSIONED = ("torch", "transformers", "mediapipe", "numpy", "ray", "av", "onnxruntime")


def run(recipe: Recipe, corpora: Mapping[str, Path], out: Path, *, workers: int, stages: Stages) -> Path:
    """Encode, fit and write the bundle; returns its folder. `workers` = 0 fits in this process. Needs a running Ray."""
    ready = make_ready(recipe, corpora, out, stages)
    job = fit_what_is_missing(ready, recipe, out, workers, stages)
    manifest = describe(recipe, ready, workers)
    folder = save_bundle(trained(job), out, {**manifest, "dev_scores": read_scores(job.out)})
    send_results(out)
    return folder


@dataclass(frozen=True, slots=True)
class Ready:
    """Corpora whose clips of train and dev are encoded."""

    job: Job
    plan: Plan
    cache: EncodingCache
    read: list[Corpus]
    data: str
    """Hash of what is learnt from."""


def make_ready(recipe: Recipe, corpora: Mapping[str, Path], out: Path, stages: Stages) -> Ready:
    """Check a recipe, read its corpora and encode what was not encoded before; the test split is not opened."""
    check(recipe)
    folders = {name: folder.absolute() for name, folder in corpora.items()}  # workers have another working folder
    job = Job(recipe, folders, kept("encodings"), out / "fit")
    read = job.read()
    learnt = [_without_test(corpus) for corpus in read]
    check_tracking()
    try:
        plan = Plan.of(recipe.ensemble)
    except (ValueError, TypeError, KeyError) as error:
        raise RecipeError(f"the recipe {recipe.name} makes no ensemble: {error}") from error
    _check_assets(plan)
    cache = EncodingCache(job.encodings, plan)
    encode(stages, learnt, cache, recipe.cluster)
    data = data_hash(learnt, cache)
    return Ready(job, plan, cache, read, data)


def fit_what_is_missing(ready: Ready, recipe: Recipe, out: Path, workers: int, stages: Stages) -> Job:
    """Fit members and fusion of a recipe, with the encodings that are ready, unless that was done before."""
    plan = ready.plan if recipe.ensemble == ready.plan.settings else Plan.of(recipe.ensemble)
    job = replace(ready.job, recipe=recipe, out=ready.job.out / fit_name(recipe, plan, ready.data))
    if holds(job.out / MAPPING / SETTINGS_FILE):  # the last part that is written
        fetch(job.out)
        stages.say(f"training: fitted before with the same recipe, in {job.out}")
    else:
        stages.say(f"curves: tensorboard --logdir {out}")
        with tracked(job.out, out / "tensorboard" / job.out.name, describe(recipe, ready, workers)) as track:
            fit_ensemble(stages, job, workers, track)
    return job


def save_bundle(plan: Plan, out: Path, told: Mapping[str, Any]) -> Path:
    """Write a run's bundle; an earlier one is gone for all machines until this one is whole. Returns its folder."""
    folder = out / "bundle"
    forget(folder / MANIFEST)
    bundle.save(plan, folder, told)
    return folder


def send_results(out: Path) -> None:
    """Let all machines have the bundle of a run and its curves; the rest was sent when it was written."""
    for name in ("bundle", "tensorboard"):
        send(out / name)


def encode(stages: Stages, corpora: list[Corpus], cache: EncodingCache, where: ClusterSettings | None = None) -> None:
    """Encode the clips that are not in the cache; `where`: of a cluster."""
    clips = [clip for corpus in corpora for clip in corpus.clips]
    missing = cache.missing(clips)
    if not missing:
        stages.say(f"encodings: all {len(clips)} clips were encoded before, in {cache.root}")
        return
    with stages.stage("perceive and encode") as show:
        extract(missing, cache, Count(len(missing), show), where)


def fit_ensemble(stages: Stages, job: Job, workers: int, track: Callable[[Step], None]) -> None:
    """Fit members and fusion; `track` is told of every step."""
    with stages.stage("train members and fusion") as show:

        def report(step: Step) -> None:
            show((step.number + step.share) / step.parts)
            track(step)

        if workers:
            fit_on_ray(job, report, workers)
        else:
            fit_directly(job, report)


def trained(job: Job) -> Plan:
    """Return the recipe's plan with the parts that were fitted."""
    plan = Plan.of(job.recipe.ensemble)
    return replace(
        plan,
        heads={name: type(head).load(job.out / name) for name, head in plan.heads.items()},
        fusion=type(plan.fusion).load(job.out / FUSION),
        mapping=type(plan.mapping).load(job.out / MAPPING),
    )


def data_hash(corpora: list[Corpus], cache: EncodingCache) -> str:
    """Hash the clips and their labels: what is learnt from."""
    digest = hashlib.sha256()
    for corpus in corpora:
        for clip in sorted(corpus.clips, key=lambda clip: clip.name):
            digest.update(f"{corpus.name} {cache.content(clip)}".encode())
            for part in (clip.name, clip.subject, clip.split, clip.labelling, clip.labels):
                hash_into(part, digest.update)
    return digest.hexdigest()[:16]


def fit_name(recipe: Recipe, plan: Plan, data: str) -> str:
    """Name the folder of a fit by all that it depends on: with other settings, clips or encoders it is fitted anew."""
    parts = {name: part.config.model_dump(mode="json") for name, part in plan.parts.items()}
    wish = recipe.model_dump(
        mode="json", exclude={"name", "source", "corpora", "search", "tune", "cluster"}
    )  # nothing is fitted by these
    about = [FIT_FORMAT, data, fingerprint(plan), wish, parts]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def describe(recipe: Recipe, ready: Ready, workers: int) -> dict[str, Any]:
    """Say how a bundle came about."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "corpora": {corpus.name: {"licence": corpus.licence, "clips": len(corpus.clips)} for corpus in ready.read},
        "data": ready.data,
        "dev": "given" if dev_is_given(ready.read) else "every eighth subject of train, for no corpus has a dev split",
        "workers": workers,
        "revision": revision(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}},
    }


def revision() -> str | None:
    """Return the project's git revision, marked where files differ from it; None outside of a repository."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        asked = ["git", "status", "--porcelain", "--untracked-files=no"]
        changes = subprocess.run(asked, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def _without_test(corpus: Corpus) -> Corpus:
    """Keep what is learnt from and what decides; files of test are not opened."""
    return replace(corpus, clips=tuple(clip for clip in corpus.clips if clip.split != "test"))


def _check_assets(plan: Plan) -> None:
    """Say which file is missing before minutes of work, not after."""
    modalities = (modality.encoder for modality in plan.modalities.values())
    wanted = {name for part in (*plan.parts.values(), *modalities) for name in part.assets}
    for asset in table():
        if asset.name in wanted:
            locate(asset.name)
