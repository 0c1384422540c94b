"""What makes each head the one it is: order, thirds, uncertainty, angles; and that those who see order can learn it."""

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from modalities.heads.head import activate
from modalities.heads.uncertain import Thirds
from modalities.labels import EXPRESSION, tasks
from tests import toys
from tests.modalities.test_temporal_heads.making import head_of


@pytest.mark.parametrize(
    ("kind", "settings", "ordered"),
    [
        ("transformer", {}, True),
        ("transformer", {"positions": False}, False),
        ("lstm", {}, True),
        ("bilstm", {}, True),
        ("uncertain", {}, True),
        ("cosine", {}, False),
    ],
)
def test_order_matters_to_those_who_say_so(kind, settings, ordered):
    head = toys.randomise(head_of(kind, 5, hidden=64, **settings))
    steps, mask = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(0)), torch.ones(2, 9, dtype=torch.bool)
    one, other = (head(some, mask, torch.zeros(2, 9)).features for some in (steps, steps.flip(1)))
    assert torch.allclose(one, other, atol=1e-6) != ordered


@pytest.mark.parametrize("kind", ["transformer", "uncertain"])
def test_heads_of_attention_share_the_width(kind):
    with pytest.raises(ValidationError, match="4 heads cannot share a hidden width of 66"):
        head_of(kind, 5, hidden=66, heads=4)


@pytest.mark.parametrize(("count", "lengths"), [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [1, 1, 0]), (7, [3, 2, 2])])
def test_thirds_are_as_equal_as_can_be(count, lengths):
    mask = torch.arange(8)[None] < count
    assert [int(third.sum()) for third in Thirds(4, 2, "textbook").cut(mask)] == lengths
    assert [int(third.sum()) for third in Thirds(4, 2, "ras").cut(mask)] == [count // 3] * 3


def test_uncertainty_is_a_standard_deviation_of_distributions_only():
    head = head_of("uncertain", 5, hidden=64, speaks=tuple(tasks()))
    steps, mask = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0)), torch.ones(4, 9, dtype=torch.bool)
    answer = head(steps, mask, torch.zeros(4, 9))
    assert answer.uncertainty.keys() == {"expression", "compound"}
    assert answer.logits.keys() == tasks().keys()
    first = answer.uncertainty["expression"]
    assert torch.allclose(first, torch.tensor(-0.5).exp().double(), atol=0.2), "log-variances begin around −1"
    head.doubting["expression"].bias.data[len(EXPRESSION.labels) :] = 50
    loud = head(steps, mask, torch.zeros(4, 9))
    assert torch.allclose(loud.uncertainty["expression"], torch.tensor(1.5).exp().double())
    assert torch.equal(loud.logits["expression"], answer.logits["expression"])


def test_cosines_know_nothing_of_length():
    head = toys.randomise(head_of("cosine", 5, hidden=64))
    steps, mask = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(0)), torch.ones(4, 9, dtype=torch.bool)
    before = head(steps, mask, torch.zeros(4, 9))
    assert torch.allclose(before.features.norm(dim=1), torch.ones(4).double())
    compare = head.tasks["expression"]
    assert before.logits["expression"].abs().max() <= compare.log_scale.exp()
    compare.classes.data *= torch.rand(8, 1).double() + 0.5
    head.trunk[-1].weight.data *= 3
    head.trunk[-1].bias.data *= 3
    after = head(steps, mask, torch.zeros(4, 9))
    assert torch.allclose(before.logits["expression"], after.logits["expression"])
    compare.log_scale.data += 10
    assert head(steps, mask, torch.zeros(4, 9)).logits["expression"].abs().max() <= 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformer", "lstm", "bilstm", "uncertain"])
def test_head_learns_which_of_two_marks_came_first(kind):
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(192, 8, 5, generator=generator) * 0.3
    places = torch.stack([torch.randperm(8, generator=generator)[:2] for _ in range(192)])
    for mark in range(2):
        steps[torch.arange(192), places[:, mark], mark] += 3
    first, mask = (places[:, 0] < places[:, 1]).long(), torch.ones(192, 8, dtype=torch.bool)
    torch.manual_seed(0)
    head = head_of(kind, 5, hidden=64).float()
    optimiser = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        answer = head(steps[:128], mask[:128], torch.zeros(128, 8))
        functional.cross_entropy(answer.logits["expression"], first[:128]).backward()
        optimiser.step()
    said = activate("distribution", head(steps[128:], mask[128:], torch.zeros(64, 8)).logits["expression"]).argmax(1)
    assert (said == first[128:]).float().mean() > 0.85
