"""The Mamba block and head: against the released code's numbers, and in what they do with steps that do not exist."""

import numpy as np
import pytest
import torch

from modalities.heads.mamba import MambaBlock, MambaHead, Shape
from modalities.heads.scan import discretise, scan_slowly
from modalities.labels import tasks
from tests.golden import golden

TAGS = ("plain", "init_A_D", "strong")
BLOCK = {
    "A": "A", "D": "D", "in_proj.weight": "enter.weight", "out_proj.weight": "leave.weight",
    "s_B.weight": "to_B.weight", "s_C.weight": "to_C.weight", "s_D.0.weight": "to_delta.0.weight",
    "s_D.1.weight": "to_delta.1.weight", "conv.weight": "convolve.weight", "conv.bias": "convolve.bias",
    "add_norm.norm.weight": "norm.weight", "add_norm.norm.bias": "norm.bias",
}  # fmt: skip
"""The released names of a block's parameters → ours."""


def ours(name):
    """Return our name of a released parameter of the whole stack."""
    whole, _, rest = name.partition(".")
    number, _, inner = rest.partition(".")
    if whole == "mamba":
        return f"blocks.{number}.{BLOCK[inner]}"
    if whole == "image_proj":
        return f"project.{rest}"
    return f"tasks.expression.{inner}" if number == "4" else f"trunk.{rest}"


def f3(*shape):
    """The formula F3 of the vectors' page."""
    a, b, c = np.indices(shape).astype(float)
    return torch.from_numpy(np.sin(0.5 * a + 0.61 * b + 0.83 * c + 0.37 * b * c))


def filled(shape, place, name, fill):
    """Return the values of a parameter by the formulas P, PA and Q."""
    j = np.arange(np.prod(shape))
    wave = np.sin(0.7 * j + 1.3 * place)
    last = name.rpartition(".")[2]
    if fill != "P" and last in ("A", "D"):
        values = 1.0 + j % shape[-1] if last == "A" else np.ones(len(j))
    elif fill != "Q":
        values = 0.3 * wave
    elif len(shape) == 1:
        values = (last == "weight") + 0.3 * wave
    else:
        values = 2.5 / np.sqrt(np.prod(shape[1:])) * np.sin(0.7 * j + 1.3 * place + 0.9 * (j * j % 11))
    return torch.from_numpy(np.asarray(values, float).reshape(shape))


def fill(module, entry, rename):
    """Put the formulas' values into a module; names that it lacks must be those of the norm that `zoh` leaves out."""
    module.double().eval()
    values = {rename(name): filled(shape, i, name, entry["fill"]) for i, (name, shape) in enumerate(entry["params"])}
    kept = {name for name, _ in module.named_parameters()}
    assert all(".norm." in f".{name}" for name in values.keys() - kept)
    buffers = dict(module.named_buffers())
    module.load_state_dict({**buffers, **{name: value for name, value in values.items() if name in kept}})
    return module


def agrees(found, expected):
    """Whether numbers agree with those of the vectors, which have nine digits."""
    return np.allclose(found.detach().numpy(), np.array(expected), rtol=1e-7, atol=1e-7)


def released_block(entry, variant):
    return fill(MambaBlock(Shape(6, 8, 2, 3, 3), variant), entry, BLOCK.get)


def released_stack(entry, variant):
    return fill(make(variant=variant, width=10, hidden=16, layers=2, state=4, kernel=3, vector=8), entry, ours)


def make(**settings):
    """A head that speaks expression only, as the released one."""
    expression = tasks()["expression"]
    known = {"speaks": {"expression": expression.labels.names}, "kinds": {"expression": expression.kind}}
    return MambaHead(MambaHead.Config.model_validate({"width": 6, **known, **settings}))


def everything(steps):
    return torch.ones(steps.shape[:2], dtype=torch.bool)


# --------------------------------------------------------------------------------------------- the released numbers


@pytest.mark.parametrize("tag", TAGS)
def test_block_is_the_released_one(tag):
    entry, x = golden("released", f"mamba_block/{tag}"), f3(2, 7, 6)
    block = released_block(entry, "ras")
    system, _ = block.select(x, everything(x))
    decay, added = discretise(system, "ras")
    found = {
        "u_after_conv_silu": system.u_BTD, "delta": system.delta_BTD, "A_bar": decay, "X_bar": added,
        "hid": scan_slowly(system, "ras")[1], "max_A_bar": decay.max(), "output": block(x, everything(x)),
    }  # fmt: skip
    for name, values in found.items():
        assert agrees(values, entry[name]), name


@pytest.mark.parametrize("tag", TAGS)
def test_block_is_the_textbook_one(tag):
    entry, x = golden("released", f"mamba_block/{tag}"), f3(2, 7, 6)
    reference = golden("reference", f"mamba_block/{tag}")["zoh_A_euler_B__skip"]
    assert agrees(released_block(entry, "zoh")(x, everything(x)), reference)


def padded():
    """Three rows, the last of which the released code padded with two zeros."""
    x = f3(3, 6, 10)
    x[2, 4:] = 0
    return x


def judge(head, x, mask):
    """Ask without standardising and without cutting to float32, as the released stack."""
    pooled = head.pool(x, mask)
    return pooled, head.tasks["expression"](head.trunk(pooled))


@pytest.mark.parametrize("tag", TAGS)
def test_stack_is_the_released_one(tag):
    entry, x = golden("released", f"video_mamba/{tag}"), padded()
    reference = golden("reference", f"video_mamba/{tag}")
    head, mask = released_stack(entry, "ras"), everything(x)
    pooled, logits = judge(head, x, mask)
    assert agrees(pooled, entry["pooled_features"])
    assert agrees(logits, entry["output"])
    mask[2, 4:] = False
    assert agrees(judge(head, x, mask)[1], reference["released_form__masked_mean"])


@pytest.mark.parametrize("tag", TAGS)
def test_stack_is_the_textbook_one(tag):
    entry, x = golden("released", f"video_mamba/{tag}"), padded()
    reference = golden("reference", f"video_mamba/{tag}")["zoh_A_euler_B__skip"]
    assert agrees(judge(released_stack(entry, "zoh"), x, everything(x))[1], reference)


def test_size_is_the_released_one():
    head = make(variant="ras", width=512, hidden=512, vector=128, layers=4, state=4, kernel=6)
    assert sum(p.numel() for p in head.parameters()) == golden("released", "param_counts")["VideoMamba"] == 3_652_488


# -------------------------------------------------------------------------------------------------- what must hold


@pytest.mark.parametrize("variant", ["zoh", "ras"])
def test_a_hole_is_a_pause(variant):
    """Without the convolution's look back (kernel 1), steps around a hole are as if they were neighbours."""
    head = make(variant=variant, hidden=16, layers=2, kernel=1).eval()
    x, mask = f3(2, 9, 6).float(), torch.ones(2, 9, dtype=torch.bool)
    mask[:, [0, 3, 4, 7]] = False
    whole = head.pool(torch.where(mask[..., None], x, 7.0), mask)
    close = x[:, mask[0]]
    assert torch.allclose(whole, head.pool(close, everything(close)), atol=1e-6)


@pytest.mark.parametrize("rubbish", [1e30, float("nan")])
@pytest.mark.parametrize("variant", ["zoh", "ras"])
def test_block_adds_nothing_at_a_masked_step(variant, rubbish):
    block, x = MambaBlock(Shape(6, 8, 2, 3, 4), variant).eval(), f3(2, 7, 6).float()
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[0, 2:4] = mask[1, 5:] = False
    added, with_rubbish = (block(torch.where(mask[..., None], x, other), mask) for other in (0.0, rubbish))
    assert torch.equal(added, with_rubbish)
    assert not added[~mask].any()
    assert added[mask].abs().min() > 0


@pytest.mark.parametrize("variant", ["zoh", "ras"])
def test_without_a_mask_all_steps_exist(variant):
    block, x = MambaBlock(Shape(6, 8, 2, 3, 4), variant).eval(), f3(2, 7, 6).float()
    assert torch.allclose(block(x, None), block(x, everything(x)), atol=1e-6)


@pytest.mark.parametrize("kernel", [1, 4, 7])
def test_block_never_looks_ahead_and_the_convolution_looks_back(kernel):
    block, x = MambaBlock(Shape(6, 8, 2, 3, kernel)).eval(), f3(1, 12, 6).float()
    other = x.clone()
    other[0, 5] += 1
    u, changed_u = (block.select(steps, everything(x))[0].u_BTD for steps in (x, other))
    assert (u - changed_u)[0].abs().amax(1).gt(0).nonzero().flatten().tolist() == list(range(5, min(12, 5 + kernel)))
    difference = (block(x, everything(x)) - block(other, everything(x)))[0].abs().amax(1)
    assert difference[:5].max() == 0
    assert difference[5:].min() > 0


def test_reset_draws_as_released():
    head = make(hidden=32, layers=1, state=5)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.fill_(9.0)
    head.reset()
    block = head.blocks[0]
    assert torch.equal(block.A, torch.arange(1.0, 6.0).expand(32, 5))
    assert torch.equal(block.D, torch.ones(32))
    assert not head.project[0].bias.any()
    bound = np.sqrt(6 / (32 + 64))
    assert 0.9 * bound < block.enter.weight.abs().max() <= bound


@pytest.mark.parametrize("variant", ["zoh", "ras"])
def test_learns_an_order_that_a_mean_cannot_see(variant):
    """Whether the loud step comes before or after the soft one."""
    torch.manual_seed(0)
    head = make(variant=variant, hidden=16, layers=1, kernel=3, dropout=0.0)
    steps = 0.1 * torch.randn(32, 8, 6)
    steps[:16, 2, 0], steps[:16, 5, 1], steps[16:, 5, 0], steps[16:, 2, 1] = 2.0, 2.0, 2.0, 2.0
    truth = torch.arange(32) // 16
    optimiser = torch.optim.Adam(head.parameters(), 0.01)
    for _ in range(40):
        optimiser.zero_grad()
        logits = head(steps, everything(steps), torch.zeros(32, 8)).logits["expression"]
        torch.nn.functional.cross_entropy(logits, truth).backward()
        optimiser.step()
    assert (logits.argmax(1) == truth).float().mean() > 0.95
