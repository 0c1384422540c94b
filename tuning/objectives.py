"""Objectives: what a head and a fusion learn. Unlabelled rows (NaN) are masked out of every loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.fusion import Fusion
from modalities.heads.head import Answer, Head, activate
from modalities.heads.uncertain import TEMPERATURE
from modalities.labels import Kind
from tuning import metrics
from tuning.fit import Batch
from tuning.losses import SETTLED, Phase, uncertain_loss

SURE = 0.5
"""A soft label counts as a class in a metric where that class has more than this share."""


def class_weights(targets: Tensor) -> Tensor:
    """Weight classes by the inverse of their share, so that they sum to their number; a class that is absent gets 1."""
    mass = targets[~targets.isnan().any(-1)].sum(0)
    present = mass > 0
    weights = torch.where(present, mass.sum() / torch.where(present, mass, torch.ones_like(mass)), 0)
    scaled = weights * present.sum() / weights.sum().clamp_min(1e-12)
    return torch.where(present, scaled, torch.ones_like(scaled))


def concordance_loss(values: Tensor, targets: Tensor) -> Tensor:
    """1 − CCC, mean over columns [B, C]."""
    spread = values.var(0, unbiased=False) + targets.var(0, unbiased=False) + (values.mean(0) - targets.mean(0)) ** 2
    covariance = ((values - values.mean(0)) * (targets - targets.mean(0))).mean(0)
    return (1 - 2 * covariance / spread.clamp_min(1e-6)).mean()


class HeadObjective:
    """Joint loss of all tasks a head speaks: soft cross-entropy with class weights, binary cross-entropy, 1 − CCC.

    Where a head says how sure it is, a Gaussian likelihood takes the place of the cross-entropy.
    """

    def __init__(self, head: Head, train: Batch, *, smoothing: float, jitter: float) -> None:
        self._kinds: Mapping[str, Kind] = head.config.kinds
        self._weights = {t: class_weights(train[t]) for t, kind in self._kinds.items() if kind == "distribution"}
        self._smoothing, self._jitter = smoothing, jitter

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """Sum over tasks; the mean over labelled rows of each."""
        head = cast(Head, part)
        steps = batch["steps"]
        if self._jitter:
            steps = steps + torch.randn_like(steps) * head.scale * self._jitter
        answer = head(steps, batch["mask"], batch["times"])
        losses = [
            self._uncertain_loss(task, answer, batch[task])
            if task in answer.uncertainty
            else self._task_loss(task, answer.logits[task], batch[task])
            for task in self._kinds
        ]
        return torch.stack(losses).sum()

    def _uncertain_loss(self, task: str, answer: Answer, targets: Tensor) -> Tensor:
        """Learn how sure the head is together with what it says: a Gaussian likelihood of means and log-variances."""
        known = ~targets.isnan().any(-1)
        if not known.any():
            return answer.logits[task].sum() * 0
        means, log_variances = answer.logits[task][known] * TEMPERATURE, 2 * answer.uncertainty[task][known].log()
        phase = Phase(smoothing=self._smoothing, divergence=SETTLED.divergence, hard=False)
        return uncertain_loss(means, log_variances, targets[known], self._weights[task], phase=phase)

    def _task_loss(self, task: str, logits: Tensor, targets: Tensor) -> Tensor:
        known = ~targets.isnan().any(-1)
        if not known.any():
            return logits.sum() * 0
        logits, targets = logits[known], targets[known]
        kind = self._kinds[task]
        if kind == "continuous":
            values = activate(kind, logits)
            return concordance_loss(values, targets) + functional.mse_loss(values, targets)
        if kind == "independent":
            return functional.binary_cross_entropy_with_logits(logits, targets)
        smooth = targets * (1 - self._smoothing) + self._smoothing / targets.shape[-1]
        weighted = smooth * self._weights[task]
        return torch.div(-(weighted * logits.log_softmax(-1)).sum(), weighted.sum())

    def score(self, part: nn.Module, data: Batch) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        logits = part(data["steps"], data["mask"], data["times"]).logits
        scores = {task: activate(kind, logits[task]) for task, kind in self._kinds.items()}
        return task_score(scores, data, self._kinds)


class FusionObjective:
    """Negative log-likelihood of the normalised fused probability, BCE, 1 − CCC; a pull towards the mean.

    Members are dropped at random in training, so that any subset still works. The pull is the squared distance of the
    weights from the plain mean: on little data a fusion must earn what it takes from the mean.
    """

    def __init__(self, kinds: Mapping[str, Kind], *, dropout: float, pull: float) -> None:
        self._kinds, self._dropout, self._pull = kinds, dropout, pull

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """Sum over tasks."""
        fusion = cast(Fusion, part)
        members = len(fusion.members)
        keep = (torch.rand(members) >= self._dropout)[None, :, None]
        total = torch.zeros(())
        for task in self._kinds:
            weights = fusion.weights(task)
            total = total + self._pull * ((weights - 1 / members) ** 2).sum()
            said_SMC = batch[f"{task}.said"] & keep
            total = total + self._task_loss(fusion, task, batch, said_SMC)
        return total

    def _task_loss(self, fusion: Fusion, task: str, batch: Batch, said_SMC: Tensor) -> Tensor:
        targets = batch[task]
        rows = ~targets.isnan().any(-1) & said_SMC.any(1).any(-1)
        if not rows.any():
            return torch.zeros(())
        fused = fusion(task, batch[f"{task}.scores"][rows].transpose(0, 1), said_SMC[rows].transpose(0, 1))
        targets = targets[rows]
        if self._kinds[task] == "continuous":
            return concordance_loss(fused, targets)
        if self._kinds[task] == "independent":
            return functional.binary_cross_entropy(fused.clamp(0, 1), targets)
        likelihood: Tensor = (targets * fused.clamp_min(1e-6).log()).sum(-1)
        return -likelihood.mean()

    def score(self, part: nn.Module, data: Batch) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        fusion = cast(Fusion, part)
        scores = {
            task: fusion(task, data[f"{task}.scores"].transpose(0, 1), data[f"{task}.said"].transpose(0, 1))
            for task in self._kinds
        }
        return task_score(scores, data, self._kinds)


def task_score(scores: Mapping[str, Tensor], data: Batch, kinds: Mapping[str, Kind]) -> float:
    """Mean over tasks of macro-F1, F1 of action units and CCC, on rows whose label is sure."""
    values: list[float] = []
    for task, kind in kinds.items():
        targets = data[task]
        known = ~targets.isnan().any(-1)
        truth, said = targets[known].numpy(), scores[task][known].detach().numpy()
        if not len(truth):
            continue
        if kind == "continuous":
            values.append(metrics.mean_ccc(truth, said))
        elif kind == "independent":
            values.append(metrics.binary_f1(truth, said))
        else:
            sure = truth.max(1) > SURE
            values.append(metrics.macro_f1(truth[sure].argmax(1), said[sure].argmax(1), truth.shape[1]))
    return sum(values) / max(len(values), 1)
