"""Losses of the papers that are more than a cross-entropy: pure functions of tensors, each a mean over rows.

Targets are soft, [B, C]. Weights are one number per class [C]. Where a released loss does something odd, the plain
thing is the default and the released one is named `ras`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from modalities.heads.uncertain import LOG_VARIANCE, TEMPERATURE

Order = Literal["smoothing_first", "weights_first"]

PENALTY = 0.01
"""Weight of the mean squared log-variance."""


# --------------------------------------------------------------------------------------------------- weights, targets


def balanced_weights(counts_C: Tensor) -> Tensor:
    """Total / (number of present classes × count); an absent class gets 0 (RAS, face and fusion)."""
    present_C = counts_C > 0
    weights_C = counts_C.sum() / (present_C.sum() * torch.where(present_C, counts_C, 1))
    return torch.where(present_C, weights_C, 0.0)


def inverse_share_weights(counts_C: Tensor) -> Tensor:
    """Total / count, scaled to a mean of one; an absent class counts as seen once, so it gets most (RAS speech)."""
    weights_C = counts_C.sum() / torch.where(counts_C > 0, counts_C, 1)
    return weights_C / weights_C.mean()


def shape_targets(
    targets: Tensor, weights: Tensor | None = None, *, smoothing: float = 0.0, order: Order = "smoothing_first"
) -> Tensor:
    """Smooth targets [B, C] towards the uniform, and weight their classes; rows need not sum to one afterwards.

    The two do not commute: RAS's focal loss smooths first, its uncertain loss weights first.
    """
    weights = torch.ones_like(targets[0]) if weights is None else weights
    even = smoothing / targets.shape[-1]
    if order == "weights_first":
        return targets * weights * (1 - smoothing) + even
    return (targets * (1 - smoothing) + even) * weights


# ------------------------------------------------------------------------------------------------------------- losses


def soft_focal(
    logits: Tensor, targets: Tensor, *, gamma: float = 2.0, mean: Literal["rows", "mass"] = "rows"
) -> Tensor:
    """−Σ t (1 − p)^γ log p (RAS, first speech model: γ 2, smoothing 0.1); `targets` come from `shape_targets`.

    The released mean is over rows; that over the targets' mass keeps the loss's size when classes are weighted.
    """
    log_p = logits.log_softmax(-1)
    doubted = targets * (1 - log_p.exp()) ** gamma if gamma else targets
    total = -(doubted * log_p).sum()
    return total / (len(targets) if mean == "rows" else targets.sum().clamp_min(1e-12))


def fused_nll(fused: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of fused probabilities [B, C], weighted mean.

    Rows are scored as they are: divide them by their sum first where they must be distributions. The released code
    trains on `fused_nll(fused.softmax(-1), …)`, a softmax of what are probabilities already.
    """
    mass = shape_targets(targets, weights)
    return -(mass * fused.clamp_min(torch.finfo(fused.dtype).tiny).log()).sum() / mass.sum().clamp_min(1e-12)


@dataclass(frozen=True, slots=True)
class Phase:
    """What an uncertain head learns at a time of its training: from soft targets, or from the likeliest class."""

    smoothing: float
    divergence: float
    """Weight of the divergence of the probabilities from the targets."""
    hard: bool


WARM_UP = Phase(smoothing=0.2, divergence=0.01, hard=False)
"""RAS: while the encoder is being unfrozen, eight epochs."""
SETTLED = Phase(smoothing=0.0, divergence=0.5, hard=True)


def gaussian_nll(means: Tensor, log_variances: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """½ Σ w ((μ − t)² / σ² + log σ²), mean over rows; log-variances are cut to ±3 (RAS, second speech model)."""
    weights = torch.ones_like(targets[0]) if weights is None else weights
    return 0.5 * (_misfit(means, log_variances, targets) * weights).sum(-1).mean()


def divergence(means: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over rows of KL(targets ‖ softmax(μ / 1.5)); targets are distributions."""
    return functional.kl_div((means / TEMPERATURE).log_softmax(-1), targets, reduction="batchmean")


def log_variance_penalty(log_variances: Tensor) -> Tensor:
    """Mean square of the log-variances, cut to ±3."""
    return _cut(log_variances).square().mean()


def uncertain_loss(
    means: Tensor, log_variances: Tensor, targets: Tensor, weights: Tensor | None = None, *, phase: Phase = WARM_UP
) -> Tensor:
    """Gaussian likelihood, divergence and penalty of an uncertain head; means and log-variances [B, C].

    Weights are of the likelihood only, so they can change neither which class is the likeliest nor the divergence.
    """
    smooth = _likeliest(targets) if phase.hard else targets
    smooth = shape_targets(smooth, smoothing=phase.smoothing)
    likelihood = gaussian_nll(means, log_variances, smooth, weights)
    return likelihood + phase.divergence * divergence(means, smooth) + PENALTY * log_variance_penalty(log_variances)


def ras_uncertain_loss(
    means: Tensor, log_variances: Tensor, targets: Tensor, weights: Tensor | None = None, *, phase: Phase = WARM_UP
) -> Tensor:
    """Return the released form of `uncertain_loss` (RAS, `EmotionNLLLossStable`).

    Targets are weighted and then smoothed, the likelihood has no ½ and is of these targets, soft ones also multiply
    it, and the likeliest class is taken after weighting, so that weights can change it.
    """
    shaped = shape_targets(targets, weights, smoothing=phase.smoothing, order="weights_first")
    misfit = _misfit(means, log_variances, _likeliest(shaped) if phase.hard else shaped)
    likelihood = (misfit if phase.hard else misfit * shaped).sum(-1).mean()
    pull = divergence(means, shaped / shaped.sum(-1, keepdim=True))
    return likelihood + phase.divergence * pull + PENALTY * log_variance_penalty(log_variances)


def _cut(log_variances: Tensor) -> Tensor:
    return log_variances.clamp(-LOG_VARIANCE, LOG_VARIANCE)


def _misfit(means: Tensor, log_variances: Tensor, targets: Tensor) -> Tensor:
    """(μ − t)² / σ² + log σ² [B, C]."""
    log_variances = _cut(log_variances)
    return (means - targets) ** 2 * (-log_variances).exp() + log_variances


def _likeliest(targets: Tensor) -> Tensor:
    return functional.one_hot(targets.argmax(-1), targets.shape[-1]).to(targets.dtype)
