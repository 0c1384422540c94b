"""How a search goes about it: a recipe's `[tune]`, and what the command line says instead."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from modalities.config import Config
from tuning.search.outcome import Objective

OBJECTIVES = {
    one.name: one
    for one in (
        Objective("tasks", "max"),
        Objective("macro_f1", "max"),
        Objective("uar", "max"),
        Objective("compound_f1", "max"),
        Objective("va_ccc", "max"),
        Objective("au_f1", "max"),
        Objective("average", "max"),
        Objective("ece", "min"),
        Objective("cost_ms", "min"),
        Objective("members", "min"),
    )
}
"""What the whole of an ensemble can be searched for.

tasks        mean over what is labelled: macro-F1 of expressions and of compounds, CCC, F1 of action units
macro_f1     of basic expressions, over the classes that occur         uar          their unweighted average recall
average      mean over corpora of macro-F1 and UAR: the papers' own    compound_f1  macro-F1 of compounds
va_ccc       mean CCC of valence and arousal                           au_f1        mean F1 of action units
ece          expected calibration error of expressions                 members      how many are used
cost_ms      what cues, encoders and heads of the members used take: milliseconds per second of footage
"""


class SearchSettings(Config):
    """How to search: of every sweep, a member's or the whole ensemble's."""

    trials: PositiveInt = 30
    """Points that are tried in each sweep, at most; an exhaustive one refuses to leave any out."""
    sampler: Literal["tpe", "nsga2", "random", "greedy", "exhaustive"] = "tpe"
    """Greedy goes once through the settings and keeps the best value of each; exhaustive tries all (RAS's two)."""
    stop: Literal["asha", "median", "never"] = "asha"
    """Who stops a member's trial early: successive halving (Li et al., 2020), the median of the others, nobody."""
    grace: PositiveInt = 2
    """Iterations that each trial gets at least; one is a twelfth of the epochs."""
    reduction: Annotated[int, Field(ge=2)] = 3
    """ASHA lets one in so many go on."""
    objectives: Annotated[tuple[str, ...], Field(min_length=1)] = ("tasks",)
    """What the ensemble is searched for, by name; the first decides who wins."""
    limits: dict[str, NonNegativeFloat] = {}
    """Upper bounds that the winner keeps, as { cost_ms = 40 }."""
    folds: Annotated[int, Field(ge=0)] = 5
    """Of dev: fusion and mapping learn from the others and are judged on one; 0 judges what they learnt.

    Nobody's clips are in two folds; where all show one person, they are cut by clip.
    """
    workers: PositiveInt = 1
    """Of each trial of a member; with more than one it is a Ray Train run, which takes half a minute to begin."""
    confirm: Annotated[int, Field(ge=0)] = 3
    """Other seeds with which a member's three best trials are fitted again, beside the recipe's own values; 0: none."""
    member_folds: Annotated[int, Field(ge=0)] = 0
    """Of train and dev together, cut likewise: a member is fitted on the others; 0 fits on train and judges on dev."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if unknown := [name for name in (*self.objectives, *self.limits) if name not in OBJECTIVES]:
            raise ValueError(f"there is no objective {', '.join(unknown)}; choose from {', '.join(OBJECTIVES)}")
        if wrong := [name for name in self.limits if OBJECTIVES[name].mode == "max"]:
            raise ValueError(f"a limit is an upper bound, but {', '.join(wrong)} is better the larger; leave it out")
        if 1 in (self.folds, self.member_folds):
            raise ValueError("one fold leaves nothing to learn from; give at least 2, or 0 for none")
        if len(self.objectives) > 1 and self.sampler == "greedy":
            raise ValueError("greedy compares one number, but several objectives are given; take nsga2 or tpe")
        return self
