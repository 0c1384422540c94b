"""Losses and class weights against the published code's numbers, and what makes the plain forms plain."""

import numpy as np
import pytest
import torch

from tests.golden import f2, g3, golden, softmax
from tuning import losses

ROWS, CLASSES = 6, 8
ALPHA = torch.from_numpy((np.arange(CLASSES) + 1) / 4.5)
WEIGHTS = {None: None, "alpha": ALPHA}
PHASES = {
    "as_constructed": losses.Phase(smoothing=0.1, divergence=0.5, hard=False),
    "warmup": losses.WARM_UP,
    "hard": losses.SETTLED,
}


def agrees(value, expected, tolerance=1e-7):
    return np.allclose(np.asarray(value), expected, rtol=tolerance, atol=tolerance)


def soft_targets():
    """The formula TSOFT of the vectors' page."""
    targets = np.zeros((ROWS, CLASSES))
    for row in range(ROWS):
        targets[row, 3 * row % CLASSES] = 0.55 if row % 2 else 1.0
        if row % 2:
            targets[row, (3 * row + 2) % CLASSES] = 0.45
    return torch.from_numpy(targets)


def logits():
    return torch.from_numpy(2 * f2(ROWS, CLASSES)).requires_grad_()


def means_and_log_variances():
    row, column = np.indices((ROWS, CLASSES)).astype(float)
    means, log_variances = 1.5 * f2(ROWS, CLASSES), 3.5 * np.cos(0.9 * row + 0.7 * column)
    return torch.from_numpy(means).requires_grad_(), torch.from_numpy(log_variances).requires_grad_()


@pytest.mark.parametrize("number", range(5))
def test_soft_focal_is_the_published_one(number):
    case, values = golden("released", "soft_focal_loss")["cases"][number], logits()
    targets = losses.shape_targets(soft_targets(), WEIGHTS[case["class_weights"]], smoothing=case["label_smoothing"])
    loss = losses.soft_focal(values, targets, gamma=case["gamma"])
    loss.backward()
    assert agrees(loss.detach(), case["loss"])
    assert agrees(values.grad, case["grad_logits"])


@pytest.mark.parametrize(
    ("entry", "order", "mean"),
    [
        ("smoothing_then_weights_gamma2_eps0.1", "smoothing_first", "rows"),
        ("weights_then_smoothing_gamma2_eps0.1", "weights_first", "rows"),
        ("weighted_mean_gamma2_eps0.1", "smoothing_first", "mass"),
    ],
)
def test_soft_focal_in_either_order(entry, order, mean):
    targets = losses.shape_targets(soft_targets(), ALPHA, smoothing=0.1, order=order)
    loss = losses.soft_focal(logits().detach(), targets, mean=mean)
    assert agrees(loss, golden("reference", "soft_focal_loss")[entry])


@pytest.mark.parametrize("number", range(6))
def test_ras_uncertain_loss_is_the_published_one(number):
    case = golden("released", "emotion_nll_loss_stable")["cases"][number]
    means, log_variances = means_and_log_variances()
    weights, phase = WEIGHTS[case["class_weights"]], PHASES[case["mode"]]
    loss = losses.ras_uncertain_loss(means, log_variances, soft_targets(), weights, phase=phase)
    loss.backward()
    assert agrees(loss.detach(), case["loss"])
    assert agrees(means.grad, case["grad_mu"])
    assert agrees(log_variances.grad, case["grad_logvar"])


@pytest.mark.parametrize("number", range(2))
def test_uncertain_loss_is_made_of_the_reference_terms(number):
    case = golden("reference", "emotion_nll_loss_stable")["cases"][number]
    means, log_variances = (values.detach() for values in means_and_log_variances())
    targets, weights = soft_targets(), WEIGHTS[case["class_weights"]]
    kinds = {"smoothed_target": losses.shape_targets(targets, smoothing=0.2)}
    kinds["onehot"] = torch.eye(CLASSES).double()[targets.argmax(1)]
    for kind, target in kinds.items():
        assert agrees(losses.gaussian_nll(means, log_variances, target, weights), case[f"gaussian_nll_{kind}"])
        assert agrees(losses.divergence(means, target), case[f"kl_{kind}"])
    assert agrees(losses.log_variance_penalty(log_variances), case["logvar_penalty"])
    for phase, kind in ((losses.WARM_UP, "smoothed_target"), (losses.SETTLED, "onehot")):
        whole = losses.uncertain_loss(means, log_variances, targets, weights, phase=phase)
        parts = case[f"gaussian_nll_{kind}"] + phase.divergence * case[f"kl_{kind}"] + 0.01 * case["logvar_penalty"]
        assert agrees(whole, parts)


def test_gaussian_nll_is_that_of_torch():
    means, log_variances = (values.detach() for values in means_and_log_variances())
    expected = torch.nn.functional.gaussian_nll_loss(means, soft_targets(), log_variances.clamp(-3, 3).exp())
    assert agrees(losses.gaussian_nll(means, log_variances, soft_targets()) / CLASSES, expected)


def test_weights_never_change_the_likeliest_class():
    targets = torch.tensor([[0.55, 0.45]]).double()
    means, log_variances = torch.zeros(1, 2).double().requires_grad_(), torch.zeros(1, 2).double()
    weights = torch.tensor([0.2, 1.8]).double()
    for loss, likeliest in ((losses.uncertain_loss, 0), (losses.ras_uncertain_loss, 1)):
        means.grad = None
        loss(means, log_variances, targets, weights, phase=losses.Phase(0.0, 0.0, hard=True)).backward()
        assert means.grad.argmin() == likeliest


def test_class_weights_follow_both_published_rules():
    entry = golden("released", "class_weights")
    counts = torch.bincount(torch.tensor(entry["labels"]), minlength=entry["num_classes"])
    assert agrees(losses.balanced_weights(counts), entry["video_multimodal_balanced"], 1e-6)
    assert agrees(losses.inverse_share_weights(counts), entry["audio_total_over_count_mean1"], 1e-6)


def test_class_weights_take_soft_counts():
    counts = torch.tensor([2.5, 0.0, 0.5])
    assert torch.allclose(losses.balanced_weights(counts), torch.tensor([0.6, 0.0, 3.0]))
    assert torch.allclose(losses.balanced_weights(counts) @ counts, counts.sum())
    assert losses.inverse_share_weights(counts).mean() == pytest.approx(1.0)


@pytest.mark.parametrize(("tag", "amplitude"), [("M3_H3", 0.3), ("M6_H3_strong", 3.0)])
@pytest.mark.parametrize("weighted", ["unweighted", "weighted"])
def test_fused_nll_is_that_of_the_published_fusion(tag, amplitude, weighted):
    released, reference = golden("released", f"prob_fusion_v6/{tag}"), golden("reference", f"prob_fusion_v6/{tag}")
    members = released["config"]["num_matrices"]
    matrix = torch.tensor(released["effective_W"], dtype=torch.float64)
    scores = torch.from_numpy(softmax(1.5 * g3(members, 10, CLASSES)))
    fused = torch.einsum("mc,mnc->nc", matrix, scores)
    targets = torch.eye(CLASSES).double()[(3 * torch.arange(10) + 1) % CLASSES]
    weights = ALPHA if weighted == "weighted" else None
    rows = fused / fused.sum(1, keepdim=True)
    assert agrees(losses.fused_nll(fused, targets, weights), reference["nll_log_p"][weighted])
    assert agrees(losses.fused_nll(rows, targets, weights), reference["nll_log_p_rows_normalised"][weighted])
    double_softmax = losses.fused_nll(fused.softmax(-1), targets, weights)
    assert agrees(double_softmax, reference["released_ce_on_probabilities_float64"][weighted])
    assert agrees(double_softmax, released[f"ce_{weighted}"]["loss_float32"], 1e-6)


def test_losses_stay_finite_where_a_class_is_impossible():
    fused = torch.tensor([[1.0, 0.0], [0.3, 0.7]], requires_grad=True)
    losses.fused_nll(fused, torch.tensor([[0.0, 1.0], [0.0, 1.0]])).backward()
    assert torch.isfinite(fused.grad).all()
    values = torch.tensor([[200.0, -200.0]], requires_grad=True)
    losses.soft_focal(values, torch.tensor([[0.5, 0.5]])).backward()
    assert torch.isfinite(values.grad).all()
    nothing = torch.zeros(2, 2)
    assert losses.fused_nll(fused.detach(), nothing) == losses.soft_focal(fused.detach(), nothing, mean="mass") == 0
