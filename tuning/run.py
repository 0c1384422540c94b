"""A run: corpora are encoded, the members and the fusion of a recipe fitted, a bundle written. Test is not opened.

    twofold train demo --corpus demo=~/.cache/twofold/demo/seed-7 --out runs/mine

What was made before with the same recipe and the same clips is used again, and said so.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ensemble import bundle
from ensemble.plan import Plan
from modalities.assets import cache_folder, locate, table
from tuning.corpora.corpus import Corpus
from tuning.encodings import EncodingCache, fingerprint, hash_into
from tuning.extract import extract
from tuning.launch import fit_directly, fit_on_ray
from tuning.recipe import Recipe, RecipeError
from tuning.stages import Count, Stages
from tuning.train import FUSION, MAPPING, Job, dev_is_given

FIT_FORMAT = 2
"""Raise it when the same recipe would be fitted to other weights: an earlier fit is then not used again."""
_VERSIONED = ("torch", "transformers", "mediapipe", "numpy", "ray", "av", "onnxruntime")


def run(recipe: Recipe, corpora: Mapping[str, Path], out: Path, *, workers: int, stages: Stages) -> Path:
    """Encode, fit and write the bundle; returns its folder. `workers` = 0 fits in this process. Needs a running Ray."""
    try:
        plan = Plan.of(recipe.ensemble)
    except (ValueError, TypeError, KeyError) as error:
        raise RecipeError(f"the recipe {recipe.name} makes no ensemble: {error}") from error
    _check_assets(plan)
    job = Job(recipe, dict(corpora), cache_folder() / "encodings", out / "fit")
    read = job.read()
    cache = EncodingCache(job.encodings, plan)
    encode(stages, plan, read, cache)
    data = data_hash(read, cache)
    job = replace(job, out=job.out / fit_name(recipe, plan, data))
    fit_ensemble(stages, job, workers)
    manifest = describe(recipe, read, data, workers)
    bundle.save(trained(job), out / "bundle", manifest)
    return out / "bundle"


def encode(stages: Stages, plan: Plan, corpora: list[Corpus], cache: EncodingCache) -> None:
    """Encode the clips that are not in the cache."""
    clips = [clip for corpus in corpora for clip in corpus.clips]
    missing = cache.missing(clips)
    if not missing:
        stages.say(f"encodings: all {len(clips)} clips were encoded before, in {cache.folder}")
        return
    with stages.stage("perceive and encode") as show:
        extract(plan, missing, cache, done=Count(len(missing), show))


def fit_ensemble(stages: Stages, job: Job, workers: int) -> None:
    """Fit members and fusion, unless this recipe was fitted here before on the same clips."""
    if (job.out / MAPPING).exists():  # the last part that is written
        stages.say(f"training: fitted before with the same recipe, in {job.out}")
        return
    with stages.stage("train members and fusion") as show:
        if workers:
            fit_on_ray(job, lambda step: show((step.number + step.share) / step.parts), workers)
        else:
            fit_directly(job, lambda step: show((step.number + step.share) / step.parts))


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
            digest.update(f"{corpus.name} {cache.path(clip).name}".encode())
            for part in (clip.name, clip.subject, clip.split, clip.labelling, clip.labels):
                hash_into(part, digest.update)
    return digest.hexdigest()[:16]


def fit_name(recipe: Recipe, plan: Plan, data: str) -> str:
    """Name the folder of a fit by all that it depends on: with another recipe, corpus or encoder it is fitted anew."""
    parts = {name: part.config.model_dump(mode="json") for name, part in plan.parts.items()}
    about = [FIT_FORMAT, data, fingerprint(plan), recipe.model_dump(mode="json"), parts]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def describe(recipe: Recipe, corpora: list[Corpus], data: str, workers: int) -> dict[str, Any]:
    """Say how a bundle came about."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "corpora": {corpus.name: {"licence": corpus.licence, "clips": len(corpus.clips)} for corpus in corpora},
        "data": data,
        "dev": "given" if dev_is_given(corpora) else "every eighth subject of train, for no corpus has a dev split",
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


def _check_assets(plan: Plan) -> None:
    """Say which file is missing before minutes of work, not after."""
    modalities = (modality.encoder for modality in plan.modalities.values())
    wanted = {name for part in (*plan.parts.values(), *modalities) for name in part.assets}
    for asset in table():
        if asset.name in wanted:
            locate(asset.name)
