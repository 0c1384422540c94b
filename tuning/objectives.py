"""Objectives: what a head and a fusion learn. Unlabelled rows (NaN) are masked out of every loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ensemble.fusion import Fusion
from modalities.heads.head import Answer, Head, activate
from modalities.heads.uncertain import TEMPERATURE
from modalities.labels import Kind
from tuning import metrics
from tuning.fit import Batch, FitSettings, Rows, chunks
from tuning.fit.world import gathered
from tuning.losses import SETTLED, Phase, shape_targets, soft_focal, uncertain_loss

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
    """Joint loss of all tasks a head speaks: cross-entropy or focal with class weights, binary cross-entropy, 1 − CCC.

    Where a head says how sure it is, a Gaussian likelihood takes the place of the cross-entropy. Several workers share
    one loss: what they say is gathered first.
    """

    def __init__(self, head: Head, train: Rows, settings: FitSettings) -> None:
        self._kinds: Mapping[str, Kind] = {t: k for t, k in head.config.kinds.items() if _share(settings, t)}
        if unknown := settings.task_weights.keys() - head.config.kinds.keys():
            raise ValueError(f"task_weights name {', '.join(sorted(unknown))}, which {head.name} does not speak")
        if not self._kinds:
            raise ValueError(f"task_weights drop every task that {head.name} speaks; leave one above 0")
        self._weights = {task: self._class_weights(train, task, settings) for task in self._kinds}
        if (settings.jitter or settings.mixup) and len(train) and not _vectors(train):
            raise ValueError(f"jitter and mixup are for vectors, but the steps of {head.name} are raw; set both to 0")
        self._settings = settings

    def _class_weights(self, train: Rows, task: str, settings: FitSettings) -> Tensor:
        targets = train.targets[task]
        weighted = settings.class_weights and self._kinds[task] == "distribution"
        return class_weights(targets) if weighted else torch.ones(targets.shape[1])

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """Sum over tasks; the mean over labelled rows of each."""
        head, settings = cast(Head, part), self._settings
        batch = {**batch, "steps": head.augment(batch["steps"], batch["mask"], torch.default_generator)}
        if settings.mixup:
            batch = mixed(batch, self._kinds, settings.mixup)
        steps = batch["steps"]
        if settings.jitter:
            steps = steps + torch.randn_like(steps) * head.scale * settings.jitter
        answer: Answer = part(steps, batch["mask"], batch["times"])
        losses = [_share(settings, task) * self._loss_of(task, answer, gathered(batch[task])) for task in self._kinds]
        return torch.stack(losses).sum()

    def _loss_of(self, task: str, answer: Answer, targets: Tensor) -> Tensor:
        logits, known = gathered(answer.logits[task].float()), ~targets.isnan().any(-1)
        if task in answer.uncertainty:
            doubt = gathered(answer.uncertainty[task].float())
            return (
                self._uncertain_loss(task, logits[known], doubt[known], targets[known])
                if known.any()
                else doubt.sum() * 0
            )
        return self._task_loss(task, logits[known], targets[known]) if known.any() else logits.sum() * 0

    def _uncertain_loss(self, task: str, logits: Tensor, doubt: Tensor, targets: Tensor) -> Tensor:
        """Learn how sure the head is together with what it says: a Gaussian likelihood of means and log-variances."""
        means, log_variances = logits * TEMPERATURE, 2 * doubt.log()
        phase = Phase(smoothing=self._settings.smoothing, divergence=SETTLED.divergence, hard=False)
        return uncertain_loss(means, log_variances, targets, self._weights[task], phase=phase)

    def _task_loss(self, task: str, logits: Tensor, targets: Tensor) -> Tensor:
        kind, settings = self._kinds[task], self._settings
        if kind == "continuous":
            values = activate(kind, logits)
            return concordance_loss(values, targets) + functional.mse_loss(values, targets)
        if kind == "independent":
            return functional.binary_cross_entropy_with_logits(logits, targets)
        shaped = shape_targets(targets, self._weights[task], smoothing=settings.smoothing)
        gamma = settings.gamma if settings.loss == "focal" else 0.0
        return soft_focal(logits, shaped, gamma=gamma, mean="mass")

    def score(self, part: nn.Module, data: Rows) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        said: dict[str, list[Tensor]] = {task: [] for task in self._kinds}
        for batch in chunks(data):
            logits = part(batch["steps"], batch["mask"], batch["times"]).logits
            for task, kind in self._kinds.items():
                said[task].append(activate(kind, logits[task]))
        return task_score({task: torch.cat(parts) for task, parts in said.items()}, data.targets, self._kinds)


def _share(settings: FitSettings, task: str) -> float:
    return settings.task_weights.get(task, 1.0)


def _vectors(rows: Rows) -> bool:
    return rows.take(torch.zeros(1, dtype=torch.int64))["steps"].is_floating_point()


def mixed(batch: Batch, tasks: Iterable[str], alpha: float) -> Batch:
    """Mix each row with another, steps and targets alike (MixUp); a step that one of them lacks stays as it is."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    share = max(share, 1 - share)  # the row's own steps stay where its partner has none, so it counts for more
    partner = torch.randperm(len(batch["mask"]))
    both = (batch["mask"] & batch["mask"][partner])[..., None]
    steps = torch.where(both, share * batch["steps"] + (1 - share) * batch["steps"][partner], batch["steps"])
    targets = {task: share * batch[task] + (1 - share) * batch[task][partner] for task in tasks}
    known = {task: torch.where(rows.isnan(), batch[task], rows) for task, rows in targets.items()}
    return {**batch, **known, "steps": steps}


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

    def score(self, part: nn.Module, data: Rows) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        fusion = cast(Fusion, part)
        rows = data.take(torch.arange(len(data)))
        scores = {
            task: fusion(task, rows[f"{task}.scores"].transpose(0, 1), rows[f"{task}.said"].transpose(0, 1))
            for task in self._kinds
        }
        return task_score(scores, data.targets, self._kinds)


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
