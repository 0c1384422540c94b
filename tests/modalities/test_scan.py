"""The selective scan against its oracle, against another project's, and against what must hold for it."""

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from modalities.heads import scan
from modalities.heads.scan import System, discretise, scan_slowly, selective_scan

VARIANTS = ("zoh", "ras")
SIZES = {
    "nothing": (0, 5, 3, 2),
    "no steps": (2, 0, 3, 2),
    "one step": (2, 1, 3, 2),
    "small": (3, 11, 5, 4),
    "one number of state": (2, 9, 1, 1),
    "several blocks": (2, 300, 70, 16),
}


def draw(batch, steps, channels, states, seed=0, dtype=torch.float64):
    """A system whose decay under `ras` is around one, too: Δ is about e."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, steps, channels), (batch, steps, channels), (batch, steps, states), (batch, steps, states)]
    u, delta, taken, told = (torch.randn(*shape, generator=generator, dtype=dtype) for shape in shapes)
    rate = -torch.linspace(0.5, 1.5, states, dtype=dtype) - torch.rand(channels, 1, generator=generator, dtype=dtype)
    return System(u, softplus(delta), rate, taken, told)


def holes(batch, steps, seed=0):
    """About a third of the steps masked; the first row has none of them, the last has nothing else."""
    mask = torch.rand(batch, steps, generator=torch.Generator().manual_seed(seed)) > 0.35
    mask[:1], mask[1:][-1:] = True, False
    return mask


def answer_and_gradients(function, system, mask):
    """What is told of steps that exist, and the gradient of a weighted sum of it."""
    leaves = [values.clone().requires_grad_(True) for values in system]
    told = function(System(*leaves))
    weights = torch.cos(torch.arange(told.numel(), dtype=told.dtype)).reshape(told.shape)
    (torch.where(mask[..., None], told, 0.0) * weights).sum().backward()
    # Without any step, nothing depends on A, and the oracle's has no gradient.
    return [told[mask].detach(), *(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_fast_scan_is_the_slow_one(variant, size, masked):
    system, mask = draw(*size), holes(*size[:2])
    asked = mask if masked else None
    seen = mask if masked else torch.ones_like(mask)
    fast = answer_and_gradients(lambda it: selective_scan(it, variant, asked), system, seen)
    slow = answer_and_gradients(lambda it: scan_slowly(it, variant, asked)[0], system, seen)
    for one, other in zip(fast, slow, strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_blocks_leave_no_trace(variant, monkeypatch):
    system, mask = draw(2, 23, 3, 4), holes(2, 23)
    whole = answer_and_gradients(lambda it: selective_scan(it, variant, mask), system, mask)
    for length in (1, 2, 22):
        monkeypatch.setattr(scan, "BLOCK", length * 2 * 3 * 4)
        cut = answer_and_gradients(lambda it: selective_scan(it, variant, mask), system, mask)
        assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(whole, cut, strict=True))


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_is_the_slope(variant):
    system, mask = draw(2, 5, 3, 2), holes(2, 5)
    leaves = [values.clone().requires_grad_(True) for values in system]
    assert torch.autograd.gradcheck(lambda *them: selective_scan(System(*them), variant, mask)[mask], leaves)


@pytest.mark.parametrize("function", [selective_scan, lambda *given: scan_slowly(*given)[0]], ids=["fast", "slow"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_masked_step_holds_the_state(variant, function):
    system, mask = draw(1, 12, 3, 4), torch.ones(1, 12, dtype=torch.bool)
    mask[0, [0, 4, 5, 9]] = False
    kept = System(*(values if values.dim() == 2 else values[:, mask[0]] for values in system))
    assert torch.allclose(function(system, variant, mask)[mask], function(kept, variant, None)[0], atol=1e-12)


@pytest.mark.parametrize("rubbish", [1e30, float("nan"), float("inf")])
@pytest.mark.parametrize("variant", VARIANTS)
def test_masked_step_never_matters(variant, rubbish):
    system, mask = draw(3, 10, 3, 2), holes(3, 10)
    spoilt = System(*(v if v.dim() == 2 else torch.where(mask[..., None], v, rubbish) for v in system))
    one, other = (selective_scan(it, variant, mask)[mask] for it in (system, spoilt))
    assert torch.equal(one, other)
    assert all(torch.isfinite(values).all() for values in discretise(spoilt, variant, mask))


def test_stays_finite_where_sums_of_logarithms_overflow():
    """Over 2,000 steps exp(−ΣΔA) is far beyond float32, and some steps forget nothing or everything."""
    system = draw(1, 2000, 4, 3, dtype=torch.float32)
    delta = system.delta_BTD * torch.tensor([1e-4, 1.0, 40.0, 200.0])
    extreme = system._replace(delta_BTD=delta)
    mask = torch.ones(1, 2000, dtype=torch.bool)
    fast, slow = (answer_and_gradients(f, extreme, mask) for f in (selective_scan, lambda it: scan_slowly(it)[0]))
    for one, other in zip(fast, slow, strict=True):
        assert torch.isfinite(one).all()
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()))


@pytest.mark.parametrize("variant", VARIANTS)
def test_oracle_is_the_definition(variant):
    system = draw(1, 4, 2, 3)
    u, delta, rate, taken, told = (values.squeeze(0).numpy() for values in system)
    state = np.zeros((2, 3))
    told_slowly, states = scan_slowly(system, variant)
    for step in range(4):
        for channel in range(2):
            for number in range(3):
                size = delta[step, channel]
                product = np.exp(rate[channel, number]) * size
                decay = np.exp(rate[channel, number] * size) if variant == "zoh" else product
                added = size * taken[step, number] * u[step, channel]
                state[channel, number] = decay * state[channel, number] + added
        assert np.allclose(states[0, step], state)
        assert np.allclose(told_slowly[0, step], state @ told[step])
