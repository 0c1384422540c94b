"""Ways to fuse: each kind of fusion, with the settings by which it may be fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from benchmarks.fusion.material import Part, told
from ensemble.fusion import (
    DirichletFusion,
    Evidence,
    FeatureFusion,
    Fusion,
    GatedFusion,
    HierarchicalFusion,
    MeanFusion,
    MultiHeadProbabilityFusion,
)
from modalities.types import Array
from tuning.fit import Data, FitSettings, Held, fit
from tuning.fusion_objective import FEATURES, FusionObjective
from tuning.search.weights.chosen import BAGS, BUDGET, choose
from tuning.search.weights.dirichlet import Budget
from tuning.search.weights.judge import Judge
from tuning.search.weights.member_weights import find_member_weights

TASK = "expression"


@dataclass(frozen=True, slots=True)
class Way:
    """A kind of fusion, and how it is fitted where it is by gradient."""

    part: type[Fusion]
    settings: FitSettings = field(default_factory=FitSettings)

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return self.part.name


@dataclass(frozen=True, slots=True)
class Effort:
    """How long weights are searched."""

    bags: int = BAGS
    budget: Budget = BUDGET


QUICK = Effort(3, Budget(draws=500, rounds=8, per_round=250))
"""While a kind is chosen, for there are many searches then."""
BY_GRADIENT = {"default": FitSettings(), "fast": FitSettings(epochs=40, batch=128, lr=1e-2)}
"""How MHPF and the gated fusion may be fitted: by default, or further from the mean."""
SHORT = FitSettings(epochs=15, batch=128)
"""A Transformer learns hundreds of segments by heart soon."""
WAYS: Mapping[str, Way] = {
    "mean": Way(MeanFusion),
    **{f"mhpf, {name}": Way(MultiHeadProbabilityFusion, how) for name, how in BY_GRADIENT.items()},
    **{f"gated, {name}": Way(GatedFusion, how) for name, how in BY_GRADIENT.items()},
    "dirichlet": Way(DirichletFusion),
    "hierarchical": Way(HierarchicalFusion),
    "feature": Way(FeatureFusion, SHORT),
}


def ways_for(part: Part) -> dict[str, Way]:
    """Return the ways that these members can go: one looks at features."""
    return {name: way for name, way in WAYS.items() if part.features or not way.part.looks_at_features}


@dataclass(frozen=True)
class Fitting:
    """Fits fusions on a part; what is searched is searched once."""

    part: Part
    seed: int
    effort: Effort

    @cached_property
    def weights(self) -> Array:
        """What a search finds, as `tuning.search.weights.settle` does [M, C]."""
        return choose(self.part.votes, bags=self.effort.bags, budget=self.effort.budget, seed=self.seed).weights

    def fit(self, way: Way) -> Fusion:
        """Make and fit a fusion."""
        fusion = _make(way.part, self.part)
        if isinstance(fusion, DirichletFusion):
            fusion.settle(TASK, self.weights)
        if isinstance(fusion, HierarchicalFusion):
            fusion.settle_members(TASK, find_member_weights(Judge(self.part.votes), self.weights)[0])
        if any(True for _ in fusion.parameters()):
            how = way.settings
            objective = FusionObjective({TASK: "distribution"}, dropout=how.member_dropout, pull=how.pull)
            fit(fusion, objective, Data(_rows(self.part), None), how, seed=self.seed)
        return fusion.eval()


def tell(fusion: Fusion, part: Part) -> Array:
    """Return the class that a fusion tells of each segment [S], −1 where nobody says anything."""
    votes = part.votes
    said = torch.from_numpy(votes.said)
    features = {member: torch.from_numpy(values) for member, values in part.features.items()}
    evidence = Evidence({TASK: torch.from_numpy(votes.scores)}, {TASK: said}, {}, features)
    with torch.inference_mode():
        scores = fusion(evidence, (TASK,))[TASK].numpy()
    return told(scores, np.asarray(votes.said.any(axis=0)))


def _make(kind: type[Fusion], part: Part) -> Fusion:
    speaks = {member: {TASK: part.classes} for member in part.members}
    tasks = {TASK: {"kind": "distribution", "labels": part.classes}}
    widths = {member: values.shape[1] for member, values in part.features.items()}
    return kind(kind.Config.model_validate({"speaks": speaks, "tasks": tasks, "widths": widths}))


def _rows(part: Part) -> Held:
    votes = part.votes
    columns = {
        TASK: votes.truth,
        f"{TASK}.scores": np.ascontiguousarray(votes.scores.transpose(1, 0, 2)),
        f"{TASK}.said": np.ascontiguousarray(votes.said.transpose(1, 0, 2)),
        **{FEATURES + member: values for member, values in part.features.items()},
    }
    return Held({name: torch.from_numpy(column) for name, column in columns.items()}, (TASK,))
