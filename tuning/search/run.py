"""A search from end to end: members' settings, then how members are put together; the winner becomes a bundle.

    twofold tune demo-search --corpus demo=~/.cache/twofold/demo/seed-7 --out runs/search

Each member that has something to search is swept alone, then all are fitted with what won, asked about dev once, and
put together in other ways. Everything is chosen on train and dev: nothing here reads the test split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.fusion import LinearFusion
from ensemble.plan import Plan
from modalities.config import Range
from tuning.recipe import Bounds, Recipe
from tuning.run import describe, fit_what_is_missing, make_ready, save_bundle, send_results, trained
from tuning.search.asking import Asking, claim, refuse
from tuning.search.error import SearchError
from tuning.search.outcome import Outcome
from tuning.search.point import TOGETHER, laid_over, owner
from tuning.search.provenance import limits, own_worth, provenance, won
from tuning.search.shown.pictures import Weights
from tuning.search.sweeps import Sweeps
from tuning.search.trials.ensemble import ask, heard_by, settle
from tuning.space import space
from tuning.stages import Stages
from tuning.train import FUSION, read_scores

KINDS = {"fusion.kind": ("mean", "mhpf", "dirichlet", "gated"), "mapping.kind": ("ppa", "rule2", "product")}
"""What a recipe's own are compared with, where it names none."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    recipe: Recipe
    """The winner's."""
    bundle: Path
    outcomes: tuple[Outcome, ...]
    first: Mapping[str, float]
    """Sweep → what the recipe's own values are worth, where they were tried."""


def search(recipe: Recipe, corpora: Mapping[str, Path], out: Path, asking: Asking, stages: Stages) -> Found:
    """Search, and write the winner's bundle with where it comes from. Needs a running Ray."""
    refuse(out, resume=asking.resume)
    if asking.storage is not None and recipe.tune.sampler in ("greedy", "exhaustive"):
        raise SearchError(f"a {recipe.tune.sampler} search has no study of Optuna's to keep; leave --storage out")
    recipe = recipe if recipe.search else recipe.model_copy(update={"search": _default(recipe)})
    parts = _by_owner(recipe)
    ready = make_ready(recipe, corpora, out, stages)
    claim(out, recipe, ready.data, resume=asking.resume)
    run = Sweeps(recipe, ready, out / "search", asking, stages)
    outcomes = [run.member(member, ranges) for member, ranges in parts.items() if member != TOGETHER]
    tuned = laid_over(recipe, {name: value for outcome in outcomes for name, value in won(outcome, {}).items()})
    job = fit_what_is_missing(ready, tuned, out, asking.workers, stages)
    plan, scores = trained(job), read_scores(job.out)
    winner = tuned
    if TOGETHER in parts:
        asked = ask(plan, run.dev, ready.cache)
        together = run.ensemble(tuned, plan, asked, parts[TOGETHER])
        outcomes.append(together)
        winner = laid_over(tuned, won(together, limits(together, recipe)))
        again = plan.again(winner.ensemble)
        plan, scores[FUSION] = settle(again, heard_by(again, asked), winner)
    first = {outcome.name: value for outcome in outcomes if (value := own_worth(outcome, recipe)) is not None}
    told = {
        **describe(winner, ready, asking.workers),
        "dev_scores": {part: score for part, score in scores.items() if part in plan.parts},
        "search": [provenance(one, recipe, asking, first.get(one.name)) for one in outcomes],
    }
    folder = save_bundle(plan, out, told)
    run.show(outcomes, matrices(plan))
    send_results(out)
    return Found(winner, folder, tuple(outcomes), first)


def _default(recipe: Recipe) -> dict[str, Bounds | tuple[Any, ...]]:
    """What is searched where a recipe says nothing: how its members are put together; its own kinds are among it."""
    own = {"fusion.kind": recipe.ensemble.fusion["kind"], "mapping.kind": recipe.ensemble.mapping["kind"]}
    kinds = {part: tuple(dict.fromkeys((own[part], *there))) for part, there in KINDS.items()}
    return {**kinds, "fit.fusion.pull": Bounds(), "members": Bounds()}


def _by_owner(recipe: Recipe) -> dict[str, dict[str, Range]]:
    """Part the space: each member's own settings, and last those of the ensemble."""
    found: dict[str, dict[str, Range]] = {}
    for name, allowed in space(recipe).items():
        found.setdefault(owner(recipe, name), {})[name] = allowed
    return dict(sorted(found.items(), key=lambda part: part[0] == TOGETHER))


def matrices(plan: Plan) -> dict[str, Weights]:
    """Return task → members, labels and weights [M, C] of a fusion that has such a matrix, when all are present.

    NaN where a member does not speak a label; each column sums to one over those who do.
    """
    fusion, found = plan.fusion, dict[str, Weights]()
    if not isinstance(fusion, LinearFusion):
        return found
    for task, about in plan.tasks.items():
        names = about.labels.names
        speaks = np.array([[name in of.get(task, ()) for name in names] for of in fusion.config.speaks.values()])
        if speaks.any():
            weights = fusion.weights(task).detach().numpy() * speaks
            shares = weights / np.maximum(weights.sum(axis=0), 1e-12)
            found[task] = fusion.members, names, np.where(speaks, shares, np.nan)
    return found
