"""Objectives: what a head learns, from what is labelled (a fusion: `tuning/fusion_objective.py`).

What is not labelled is NaN. A distribution is labelled as a whole or not at all; of action units, and of valence and
arousal, each for itself: a row with a valence and no arousal teaches valence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from modalities.device import bring
from modalities.heads.head import Answer, Head, activate
from modalities.heads.uncertain import TEMPERATURE
from modalities.labels import Kind
from modalities.types import Scores
from tuning import metrics
from tuning.fit import Batch, FitSettings, Rows, chunks
from tuning.fit.mixing import check_mixing, mix
from tuning.fit.world import gathered
from tuning.losses import SETTLED, Phase, shape_targets, soft_focal, uncertain_loss

SURE = 0.5
"""A soft label counts as a class in a metric where that class has more than this share."""
RAREST = 10.0
"""How much more an active action unit may count at most, and how much less, for being rare or common."""


def class_weights(targets: Tensor) -> Tensor:
    """Weight classes by the inverse of their share, so that they sum to their number; a class that is absent gets 1."""
    mass = targets[~targets.isnan().any(-1)].sum(0)
    present = mass > 0
    weights = torch.where(present, mass.sum() / torch.where(present, mass, torch.ones_like(mass)), 0)
    scaled = weights * present.sum() / weights.sum().clamp_min(1e-12)
    return torch.where(present, scaled, torch.ones_like(scaled))


def unit_weights(targets: Tensor) -> Tensor:
    """Return negatives over positives of each unit [C], within a factor of ten; 1 where a unit lacks one of the two."""
    active, calm = targets.nansum(0), (1 - targets).nansum(0)
    both = (active > 0) & (calm > 0)
    return torch.where(both, calm / torch.where(both, active, 1), 1).clamp(1 / RAREST, RAREST)


def labelled(kind: Kind, targets: Tensor) -> Tensor:
    """Return which targets there are [B, C]; a distribution that is known in part is not known."""
    known = ~targets.isnan()
    return known.all(-1, keepdim=True).expand_as(known) if kind == "distribution" else known


def taught(task: str, kind: Kind, targets: Tensor) -> Tensor:
    """Return what a task learns [B, C]: of independent expressions, each that is shown whole, not by its share.

    A compound's two halves become two ones; a share that is smaller than the largest keeps its ratio to it.
    """
    shared = task == "expression" and kind == "independent"
    return targets / targets.amax(-1, keepdim=True).clamp_min(1e-6) if shared else targets


def over_columns(loss: Callable[[Tensor, Tensor], Tensor], values: Tensor, targets: Tensor) -> Tensor:
    """Mean of a loss over the columns [B, C] that have labels, each over the rows that are labelled in it."""
    known = ~targets.isnan()
    if known.all():
        return loss(values, targets)
    columns = [(rows, column) for column, rows in enumerate(known.unbind(-1)) if rows.any()]
    return torch.stack([loss(values[rows, c, None], targets[rows, c, None]) for rows, c in columns]).mean()


def concordance_loss(values: Tensor, targets: Tensor) -> Tensor:
    """1 − CCC, mean over columns [B, C]."""
    spread = values.var(0, unbiased=False) + targets.var(0, unbiased=False) + (values.mean(0) - targets.mean(0)) ** 2
    covariance = ((values - values.mean(0)) * (targets - targets.mean(0))).mean(0)
    return (1 - 2 * covariance / spread.clamp_min(1e-6)).mean()


class HeadObjective:
    """Joint loss of all tasks a head speaks: cross-entropy or focal with class weights, binary cross-entropy, 1 − CCC.

    Beside 1 − CCC, a mean over valence and arousal, stands their mean squared error: the CCC of a small batch says
    little, and that of one row nothing. PML's joint loss (eqs. 2 to 6) is `va_mse` 0 and task weights of λ_AU,
    λ_EXPR / 8 and 2 λ_VA, for it divides the cross-entropy by its classes and adds valence and arousal up. Its W_AU,
    which it does not tell, weigh whole units; `unit_weights` weigh active against inactive within each.

    Where a head says how sure it is, a Gaussian likelihood takes the place of the cross-entropy. Several workers share
    one loss: what they say is gathered first.
    """

    def __init__(self, head: Head, train: Rows, settings: FitSettings) -> None:
        self._settings = settings
        self._kinds: Mapping[str, Kind] = {t: k for t, k in head.config.kinds.items() if _share(settings, t)}
        if unknown := settings.task_weights.keys() - head.config.kinds.keys():
            raise ValueError(f"task_weights name {', '.join(sorted(unknown))}, which {head.name} does not speak")
        if not self._kinds:
            raise ValueError(f"task_weights drop every task that {head.name} speaks; leave one above 0")
        targets = {task: taught(task, kind, train.targets[task]) for task, kind in self._kinds.items()}
        self._weights = {task: self._weights_of(targets[task], kind) for task, kind in self._kinds.items()}
        check_mixing(head.name, train, settings)

    def _weights_of(self, targets: Tensor, kind: Kind) -> Tensor | None:
        if kind == "distribution" and self._settings.class_weights:
            return class_weights(targets)
        return unit_weights(targets) if kind == "independent" and self._settings.unit_weights else None

    def loss(self, part: nn.Module, batch: Batch) -> Tensor:
        """Sum over tasks; the mean over what is labelled of each."""
        head, settings = cast(Head, part), self._settings
        batch = {**batch, "steps": head.augment(batch["steps"], batch["mask"], torch.default_generator)}
        batch = {**batch, **{task: taught(task, kind, batch[task]) for task, kind in self._kinds.items()}}
        batch = mix(batch, self._kinds, settings)
        steps = batch["steps"]
        if settings.jitter:
            steps = steps + torch.randn_like(steps) * head.scale * settings.jitter
        answer: Answer = part(steps, batch["mask"], batch["times"])
        said = {
            task: [one[task].float() for one in (batch, answer.logits, answer.uncertainty) if task in one]
            for task in self._kinds
        }
        everyones = iter(gathered([column for columns in said.values() for column in columns]))
        losses = [
            _share(settings, task) * self._loss_of(task, *(next(everyones) for _ in columns))
            for task, columns in said.items()
        ]
        return torch.stack(losses).sum()

    def _loss_of(self, task: str, targets: Tensor, *said: Tensor) -> Tensor:
        rows = labelled(self._kinds[task], targets).any(-1)
        if not rows.any():
            return said[-1].sum() * 0
        if not rows.all():
            targets, said = targets[rows], tuple(values[rows] for values in said)
        logits, *doubt = said
        if doubt:
            return self._uncertain_loss(task, logits, doubt[0], targets)
        return self._task_loss(task, logits, targets)

    def _uncertain_loss(self, task: str, logits: Tensor, doubt: Tensor, targets: Tensor) -> Tensor:
        """Learn how sure the head is together with what it says: a Gaussian likelihood of means and log-variances."""
        means, log_variances = logits * TEMPERATURE, 2 * doubt.log()
        phase = Phase(smoothing=self._settings.smoothing, divergence=SETTLED.divergence, hard=False)
        return uncertain_loss(means, log_variances, targets, self._weights_at(task, targets), phase=phase)

    def _task_loss(self, task: str, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of rows with a label: 1 − CCC and its share of MSE by column; BCE over known cells; cross-entropy."""
        kind, settings, weights = self._kinds[task], self._settings, self._weights_at(task, targets)
        if kind == "continuous":
            return over_columns(self._affect_loss, activate(kind, logits), targets)
        if kind == "independent":
            known = ~targets.isnan()
            if not known.all():
                weights = None if weights is None else weights.expand_as(targets)[known]
                logits, targets = logits[known], targets[known]
            return functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)
        shaped = shape_targets(targets, weights, smoothing=settings.smoothing)
        gamma = settings.gamma if settings.loss == "focal" else 0.0
        return soft_focal(logits, shaped, gamma=gamma, mean="mass")

    def _affect_loss(self, values: Tensor, targets: Tensor) -> Tensor:
        return concordance_loss(values, targets) + self._settings.va_mse * functional.mse_loss(values, targets)

    def _weights_at(self, task: str, targets: Tensor) -> Tensor | None:
        weights = self._weights[task]
        return None if weights is None else weights.to(targets.device)

    def score(self, part: nn.Module, data: Rows) -> float:
        """Mean over the tasks of the challenge's metric on segments."""
        said: dict[str, list[Tensor]] = {task: [] for task in self._kinds}
        for batch in (bring(some, part) for some in chunks(data)):
            logits = part(batch["steps"], batch["mask"], batch["times"]).logits
            for task, kind in self._kinds.items():
                said[task].append(activate(kind, logits[task]).cpu())
        return task_score({task: torch.cat(parts) for task, parts in said.items()}, data.targets, self._kinds)


def _share(settings: FitSettings, task: str) -> float:
    return settings.task_weights.get(task, 1.0)


def task_score(scores: Mapping[str, Tensor], data: Batch, kinds: Mapping[str, Kind]) -> float:
    """Mean over tasks of macro-F1 on rows whose label is sure, and of F1 and CCC of the columns that have labels.

    Expressions are told by the largest score, be they independent or not.
    """
    values: list[float] = []
    for task, given in kinds.items():
        kind: Kind = "distribution" if task == "expression" else given
        rows = labelled(kind, data[task]).any(-1)
        if rows.any():
            values.append(_metric(kind, data[task][rows].numpy(), scores[task][rows].detach().numpy()))
    return sum(values) / max(len(values), 1)


def _metric(kind: Kind, truth: Scores, said: Scores) -> float:
    if kind == "continuous":
        return metrics.mean_ccc(truth, said)
    if kind == "independent":
        return metrics.binary_f1(truth, said)
    sure = truth.max(1) > SURE
    return metrics.macro_f1(truth[sure].argmax(1), said[sure].argmax(1), truth.shape[1])
