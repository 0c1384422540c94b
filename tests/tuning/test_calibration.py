"""Temperatures: found where they are known, and what they leave alone."""

import pytest
import torch

from tests.makers import WIDTH, make_head
from tuning.calibration import FEWEST, calibrate, temperature
from tuning.fit import Held


def drawn(count, true_temperature, seed=0):
    """Logits that are too sure by a known factor, and classes drawn by what they should have been."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, 5, generator=generator)
    classes = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits * true_temperature, torch.eye(5)[classes]


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(true_temperature):
    logits, targets = drawn(4000, true_temperature)
    assert temperature(logits, targets) == pytest.approx(true_temperature, rel=0.1)


def test_few_rows_are_no_reason_to_change_anything():
    logits, targets = drawn(FEWEST - 1, 3.0)
    assert temperature(logits, targets) == 1.0
    unlabelled = torch.full((500, 5), torch.nan)
    assert temperature(torch.randn(500, 5), unlabelled) == 1.0


def test_a_head_is_calibrated_and_says_the_same_classes():
    head = make_head("mean").eval()
    steps, mask = torch.randn(200, 3, WIDTH), torch.ones(200, 3, dtype=torch.bool)
    tasks = {task: torch.rand(200, len(labels)) for task, labels in head.speaks.items()}
    tasks["expression"] = torch.eye(8)[torch.randint(0, 8, (200,))]
    tasks["compound"] = torch.full((200, 7), torch.nan)
    columns = {"steps": steps, "mask": mask, "times": torch.zeros(200, 3, dtype=torch.int64), **tasks}
    before = head.scores(head(steps, mask, columns["times"]))
    found = calibrate(head, Held(columns, tuple(tasks)))
    after = head.scores(head(steps, mask, columns["times"]))
    assert found["expression"] > 1, "labels drawn at random: whatever it said, it was too sure"
    assert found["compound"] == 1.0
    assert torch.equal(before["expression"].argmax(1), after["expression"].argmax(1))
    assert (before["expression"].amax(1) >= after["expression"].amax(1)).all()
    assert torch.equal(before["action_units"], after["action_units"])
