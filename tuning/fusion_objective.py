"""What a fusion learns from what members say about labelled rows.

Columns of the rows, beside a task's targets [S, C]: `{task}.scores`, `{task}.said` and, where members state it,
`{task}.uncertainty` [S, M, C]; and `features.{member}` [S, D] where the fusion looks at them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.fusion import Evidence, Fusion
from modalities.labels import Kind
from tuning.fit import Batch, Rows, chunks
from tuning.objectives import concordance_loss, labelled, over_columns, task_score, taught

FEATURES = "features."


def evidence(batch: Batch, tasks: Collection[str], rows: Tensor, keep_M: Tensor) -> Evidence:
    """Return what the members that are kept say about some of a batch's rows."""

    def columns(about: str) -> dict[str, Tensor]:
        named = {task: f"{task}.{about}" for task in tasks}
        return {task: batch[name][rows].transpose(0, 1) for task, name in named.items() if name in batch}

    said = {task: values & keep_M[:, None, None] for task, values in columns("said").items()}
    features = {
        name.removeprefix(FEATURES): column[rows] for name, column in batch.items() if name.startswith(FEATURES)
    }
    return Evidence(columns("scores"), said, columns("uncertainty"), features)


class FusionObjective:
    """Negative log-likelihood of the normalised fused probability, BCE, 1 − CCC; a pull towards the mean.

    Members are dropped at random in training, so that any subset still works. The pull is the squared distance of the
    weights from the plain mean: on little data a fusion must earn what it takes from the mean. A `gamma` above 0 makes
    the likelihood focal.
    """

    def __init__(self, kinds: Mapping[str, Kind], *, dropout: float, pull: float, gamma: float = 0.0) -> None:
        self._kinds, self._dropout, self._pull, self._gamma = kinds, dropout, pull, gamma

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """Sum over tasks."""
        fusion = cast(Fusion, part)
        keep_M = torch.rand(len(fusion.members)) >= self._dropout
        total = torch.zeros(())
        for task in self._kinds:
            total = total + self._pull * fusion.pulled(task)
            total = total + self._task_loss(fusion, task, batch, keep_M)
        return total

    def _task_loss(self, fusion: Fusion, task: str, batch: Batch, keep_M: Tensor) -> Tensor:
        targets, said_SMC = taught(task, self._kinds[task], batch[task]), batch[f"{task}.said"] & keep_M[None, :, None]
        rows = labelled(self._kinds[task], targets).any(-1) & said_SMC.any(1).any(-1)
        if not rows.any():
            return torch.zeros(())
        seen = self._kinds if fusion.looks_at_features else (task,)
        fused = fusion(evidence(batch, seen, rows, keep_M), (task,))[task]
        targets = targets[rows]
        if self._kinds[task] == "continuous":
            return over_columns(concordance_loss, fused, targets)
        if self._kinds[task] == "independent":
            known = ~targets.isnan()
            if not known.all():
                fused, targets = fused[known], targets[known]
            return functional.binary_cross_entropy(fused.clamp(0, 1), targets)
        if self._gamma:
            targets = targets * (1 - fused).clamp_min(1e-6) ** self._gamma
        likelihood: Tensor = (targets * fused.clamp_min(1e-6).log()).sum(-1)
        return -likelihood.mean()

    @torch.no_grad()
    def score(self, part: nn.Module, data: Rows) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        fusion = cast(Fusion, part).eval()
        everybody = torch.ones(len(fusion.members), dtype=torch.bool)
        said: dict[str, list[Tensor]] = {task: [] for task in self._kinds}
        for batch in chunks(data):
            rows = torch.ones(len(batch[next(iter(self._kinds))]), dtype=torch.bool)
            for task, values in fusion(evidence(batch, tuple(self._kinds), rows, everybody), self._kinds).items():
                said[task].append(values)
        return task_score({task: torch.cat(parts) for task, parts in said.items()}, data.targets, self._kinds)
