"""Heads against slow loops over one row at a time, of which only the steps that exist are given.

What looks at one step alone is taken from the head; what mixes steps is written out here.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from modalities.heads.lstm import existing_first
from modalities.labels import tasks
from tests import toys
from tests.modalities.test_temporal_heads.making import head_of


def read_by_loop(lstm, steps, suffix=""):
    """Run an LSTM's equations over steps [N, D], one after the other."""
    inward, own, bias, own_bias = (
        getattr(lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    hidden = cell = torch.zeros(lstm.hidden_size).double()
    outputs = []
    for step in steps:
        gate_in, forget, new, gate_out = (inward @ step + bias + own @ hidden + own_bias).chunk(4)
        cell = forget.sigmoid() * cell + gate_in.sigmoid() * new.tanh()
        hidden = gate_out.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs)


def attend_by_loop(attention, steps, heads):
    """Attention of steps [N, D]: one head and one asking step after the other."""
    asked, offered, said = attention.inward(steps).chunk(3, -1)
    each = steps.shape[1] // heads
    mixed = torch.zeros_like(steps)
    for number in range(heads):
        part = slice(number * each, (number + 1) * each)
        for row in range(len(steps)):
            nearness = torch.stack([asked[row, part] @ other[part] for other in offered]) / each**0.5
            mixed[row, part] = sum(share * value[part] for share, value in zip(nearness.softmax(0), said, strict=True))
    return attention.outward(mixed)


def pool_by_loop(pool, steps):
    weights = torch.stack([pool.attention(step)[0] for step in steps]).softmax(0)
    return sum(weight * step for weight, step in zip(weights, steps, strict=True))


def transformer_by_loop(head, steps, slots):
    """Steps [N, E] that stood at these places of the segment."""
    steps, width = head.project(steps), head.config.hidden
    table = torch.zeros(len(steps), width).double()
    for row, slot in enumerate(slots):
        for column in range(0, width, 2):
            angle = slot / 10_000 ** (column / width)
            table[row, column], table[row, column + 1] = np.sin(angle), np.cos(angle)
    ras = head.config.variant == "ras"
    if not head.config.positions:
        table = table * 0
    steps = steps if ras else steps + table
    for layer in head.layers:
        given = steps + table if ras else steps
        mixed = layer.after_attention(given + attend_by_loop(layer.attention, given, head.config.heads))
        thought = layer.after_feed(mixed + layer.feed(mixed))
        steps = steps + thought if ras else thought
    return head.trunk(steps.mean(0))


def lstm_by_loop(head, steps, slots):
    outputs = read_by_loop(head.second, read_by_loop(head.first, functional.leaky_relu(steps, head.config.slope)))
    return outputs[-1] if head.config.summary == "last" else outputs.mean(0)


def bilstm_by_loop(head, steps, slots):
    steps, lstm = head.project(steps), head.read.lstm
    ahead, back = read_by_loop(lstm, steps), read_by_loop(lstm, steps.flip(0), "_reverse").flip(0)
    read = head.read.norm(head.read.project(torch.cat([ahead, back], -1)) + steps)
    return head.trunk(pool_by_loop(head.pool, read))


def uncertain_by_loop(head, steps, slots):
    steps = head.project(steps)
    if head.config.variant == "ras":
        thirds = [np.arange(len(steps) // 3) + n * (len(steps) // 3) for n in range(3)]
    else:
        thirds = np.array_split(np.arange(len(steps)), 3)
    nothing = torch.zeros(steps.shape[1]).double()
    parts = [
        attend_by_loop(attention, steps[third], head.config.heads).mean(0) if len(third) else nothing
        for attention, third in zip(head.thirds.attention, thirds, strict=True)
    ]
    return head.combine(torch.cat([head.relate(torch.cat(parts)), head.overall(steps.mean(0))]))


def cosine_by_loop(head, steps, slots):
    raw = head.trunk(pool_by_loop(head.pool, head.project(steps)))
    return raw / (raw @ raw).sqrt()


ORACLES = [
    ("transformer", transformer_by_loop, {"layers": 2}),
    ("transformer", transformer_by_loop, {"positions": False}),
    ("transformer", transformer_by_loop, {"layers": 2, "variant": "ras"}),
    ("lstm", lstm_by_loop, {}),
    ("lstm", lstm_by_loop, {"summary": "mean", "slope": 1.0}),
    ("bilstm", bilstm_by_loop, {"vector": 64}),
    ("uncertain", uncertain_by_loop, {"vector": 64}),
    ("uncertain", uncertain_by_loop, {"vector": 64, "variant": "ras"}),
    ("cosine", cosine_by_loop, {}),
]


@pytest.mark.parametrize("rubbish", [0.0, 1e30, float("nan")])
@pytest.mark.parametrize(("kind", "oracle", "settings"), ORACLES)
def test_head_is_what_a_loop_over_the_steps_that_exist_says(kind, oracle, settings, rubbish):
    head = toys.randomise(head_of(kind, 5, hidden=64, speaks=tuple(tasks()), **settings), seed=1)
    generator = torch.Generator().manual_seed(2)
    steps, mask = torch.randn(7, 9, 5, generator=generator), torch.rand(7, 9, generator=generator) < 0.6
    mask[0], mask[1], mask[2], mask[3] = True, False, False, False
    mask[1, 4] = mask[2, 0] = mask[2, 8] = mask[3, 2:5] = True
    steps = torch.where(mask[..., None], steps, torch.tensor(rubbish))
    answer = head(steps, mask, torch.zeros(mask.shape))
    for row, exists in enumerate(mask):
        features = oracle(head, steps[row, exists].double(), torch.nonzero(exists).flatten().tolist())
        assert torch.allclose(answer.features[row], features, rtol=1e-9, atol=1e-9), f"row {row}"


def test_existing_steps_move_together_and_keep_their_order():
    steps = torch.arange(10.0).reshape(2, 5, 1)
    mask = torch.tensor([[False, True, False, True, True], [True, False, False, False, False]])
    moved, there = existing_first(steps, mask)
    assert there.tolist() == [[True, True, True, False, False], [True, False, False, False, False]]
    assert moved[0, :3, 0].tolist() == [1, 3, 4]
    assert moved[1, 0, 0] == 5
