"""Which setting mattered: how much of what the trials' values differ by goes back to each setting alone (fANOVA).

A random forest learns the values from the settings, and its variance is split among them (Hutter, Hoos and
Leyton-Brown, 2014; Optuna's implementation). A setting that only some trials have (another kind of fusion has others)
is judged on those, and counts by what they differ by. The seed is fixed: the same trials give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from modalities.config import Choice, Integers, Range, Uniform
from tuning.search.outcome import Objective, Outcome, Trial

LEAST = 8
"""Trials below which a forest tells noise from nothing."""
SEED = 0
STORABLE = (str, int, float, bool, type(None))
"""What Optuna can keep as an option."""


def distribution(allowed: Range) -> BaseDistribution:
    """Return a setting's range as Optuna's; ValueError for an option that it could not keep (a tuple, say)."""
    match allowed:
        case Uniform(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Integers(low, high, log):
            return IntDistribution(low, high, log=log)
        case Choice(options):
            if wrong := [option for option in options if not isinstance(option, STORABLE)]:
                raise ValueError(
                    f"a search chooses among texts, numbers, true, false and nothing, but an option is {wrong[0]!r}; "
                    "give it a name, and let the part know what it means"
                )
            return CategoricalDistribution([option for option in options if isinstance(option, STORABLE)])


def importance(outcome: Outcome, objective: Objective | None = None) -> dict[str, float]:
    """Return each setting's share, the largest first; they sum to one.

    objective: of the outcome, the first if not given. Empty where nothing can be told; `unclear` says why.
    """
    if unclear(outcome, objective):
        return {}
    objective = objective or outcome.objectives[0]
    trials = outcome.judged
    ranges = _ranges(outcome.space, trials)
    whole = _spread(trials, objective)
    found: dict[str, float] = {}
    for having in _groups(trials, ranges):
        settings = {name: one for name, one in ranges.items() if all(name in trial.settings for trial in having)}
        if len(having) >= LEAST and (spread := _spread(having, objective)):
            shares = _shares(having, settings, objective)
            found |= {name: share * spread / whole for name, share in shares.items() if name not in found}
    total = sum(found.values())
    return dict(sorted(((n, share / total) for n, share in found.items()), key=lambda item: -item[1])) if total else {}


def unclear(outcome: Outcome, objective: Objective | None = None) -> str:
    """Say why nothing can be told about what mattered; empty where something can."""
    objective = objective or outcome.objectives[0]
    trials = outcome.judged
    if len(trials) < LEAST:
        there = f"{len(trials)} of {len(outcome.trials)} trials with a value"
        return f"{there}: too few to tell what mattered (from {LEAST} on)"
    if not _spread(trials, objective):
        return f"every trial has the same {objective.name}, so no setting mattered"
    if not _ranges(outcome.space, trials):
        return "no setting took two values, so there is nothing to compare"
    return ""


def _ranges(space: Mapping[str, Range], trials: Sequence[Trial]) -> dict[str, Range]:
    """Return the ranges of settings that took two values, widened to hold what was tried outside."""
    tried = {name: [trial.settings[name] for trial in trials if name in trial.settings] for name in space}
    return {name: _holding(allowed, tried[name]) for name, allowed in space.items() if len(set(tried[name])) > 1}


def _holding(allowed: Range, tried: Sequence[object]) -> Range:
    if isinstance(allowed, Choice):
        return Choice((*allowed.options, *dict.fromkeys(value for value in tried if value not in allowed.options)))
    numbers = [value for value in tried if isinstance(value, int | float)]
    # The forest cuts at any place, so that the logarithm, which bears no zero, changes nothing.
    return type(allowed)(min(allowed.low, *numbers), max(allowed.high, *numbers))  # type: ignore[arg-type]  # fits it


def _groups(trials: Sequence[Trial], ranges: Mapping[str, Range]) -> Iterator[list[Trial]]:
    """Hand out the trials that have a setting, the most first; each such group once."""
    groups = {tuple(trial.number for trial in trials if name in trial.settings) for name in ranges}
    for numbers in sorted(groups, key=lambda group: (-len(group), group)):
        yield [trial for trial in trials if trial.number in numbers]


def _spread(trials: Sequence[Trial], objective: Objective) -> float:
    """Return the sum of squares around the mean."""
    values = [trial.values[objective.name] for trial in trials]
    mean = sum(values) / max(len(values), 1)
    return 0.0 if len(set(values)) < 2 else sum((value - mean) ** 2 for value in values)


def _shares(trials: Sequence[Trial], ranges: Mapping[str, Range], objective: Objective) -> dict[str, float]:
    distributions = {name: distribution(allowed) for name, allowed in ranges.items()}
    with _quiet():
        study = optuna.create_study(direction="maximize" if objective.mode == "max" else "minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: trial.settings[name] for name in distributions},
                distributions=distributions,
                value=trial.values[objective.name],
            )
            for trial in trials
        ]
    )
    evaluator = FanovaImportanceEvaluator(seed=SEED)
    return {name: float(share) for name, share in get_param_importances(study, evaluator=evaluator).items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing a study that nobody will see."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
