"""Where a winner comes from: which trial won, against what, and how it was searched; for the bundle and the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tuning.recipe import Recipe
from tuning.search.asking import Asking
from tuning.search.error import SearchError
from tuning.search.outcome import Outcome
from tuning.search.point import TOGETHER, now


def limits(outcome: Outcome, recipe: Recipe) -> Mapping[str, float]:
    """Return the upper bounds that a sweep's winner keeps."""
    return recipe.tune.limits if outcome.name == TOGETHER else {}


def won(outcome: Outcome, limits: Mapping[str, float]) -> Mapping[str, Any]:
    """Return the settings that won; SearchError where no trial keeps the limits."""
    if (best := outcome.best(limits)) is None:
        asked = ", ".join(f"{name} ≤ {limit:g}" for name, limit in limits.items())
        raise SearchError(
            f"no trial of {outcome.name} keeps {asked}; allow more, or let members be left out (`members` in [search])"
        )
    return best.settings


def own_worth(outcome: Outcome, recipe: Recipe) -> float | None:
    """What the recipe's own values are worth; None where they were not tried, or failed."""
    name, own = outcome.objectives[0].name, now(recipe, tuple(outcome.space))
    return next((t.values[name] for t in outcome.judged if dict(t.settings) == own), None)


def provenance(outcome: Outcome, recipe: Recipe, asking: Asking, own: float | None) -> dict[str, Any]:
    """Say in the bundle how a sweep came to its winner."""
    how = recipe.tune
    best = outcome.best(limits(outcome, recipe))
    return {
        "sweep": outcome.name,
        "sampler": how.sampler,
        "stop": "never" if outcome.name == TOGETHER else how.stop,
        "seed": recipe.seed,
        "folds": how.folds if outcome.name == TOGETHER else how.member_folds,
        "space": {name: asdict(allowed) for name, allowed in outcome.space.items()},
        "objectives": [one.name for one in outcome.objectives],
        "limits": dict(limits(outcome, recipe)),
        "confirmed": how.confirm if outcome.chosen is not None else 0,
        "trials": len(outcome.trials),
        "stopped": sum(trial.state == "stopped" for trial in outcome.trials),
        "failed": sum(trial.state == "failed" for trial in outcome.trials),
        "storage": asking.storage,
        "winner": None if best is None else {"trial": best.number, **best.settings},
        "values": {} if best is None else dict(best.values),
        "own_values_are_worth": own,
    }


def figures(outcomes: Sequence[Outcome], recipe: Recipe) -> dict[str, float]:
    """Return flat figures of each sweep: trials, times, what the winner and the recipe's own values are worth."""
    flat: dict[str, float] = {}
    for one in outcomes:
        flat |= {
            f"{one.name}.trials": len(one.trials),
            f"{one.name}.stopped": sum(trial.state == "stopped" for trial in one.trials),
            f"{one.name}.seconds": round(one.seconds, 1),
            f"{one.name}.added_seconds": round(one.added, 2),
        }
        if (best := one.best(limits(one, recipe))) is not None:
            name = one.objectives[0].name
            flat[f"{one.name}.{name}"] = round(best.values[name], 4)
        if (own := own_worth(one, recipe)) is not None:
            flat[f"{one.name}.own"] = round(own, 4)
    return flat
