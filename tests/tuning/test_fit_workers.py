"""Two workers are one worker with twice the batch: real processes, joined by gloo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.tuning import worker
from tuning.fit.world import World, unlabelled

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two workers tells."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "0").mkdir()
    torch.save({"epoch": 3}, folder / "0" / "state")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.tuning.worker", str(rank), "2", str(folder), *worker.WHAT], cwd=ROOT
        )
        for rank in range(2)
    ]
    try:
        assert [one.wait(timeout=200) for one in started] == [0, 0]
    finally:
        for one in started:
            one.kill()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("what", worker.WHAT)
def test_two_workers_are_one_with_twice_the_batch(what, both):
    losses, scores, _ = worker.run(what, 1)
    assert losses[-1] < losses[0]
    for rank in range(2):
        theirs, judged, _ = both[rank][what]
        assert theirs == pytest.approx(losses, abs=1e-4)
        assert judged == pytest.approx(scores, abs=1e-4)
    assert both[0][what] == both[1][what], "to the last bit, or they would drift apart"


@pytest.mark.slow
def test_all_go_on_from_what_the_first_finds(both):
    assert [found["resumed"] for found in both] == [{"epoch": 3}, {"epoch": 3}]


def test_shares_are_equal_and_what_is_added_has_no_label():
    index = torch.arange(10, 15)
    shares = [World(rank, 2).share(index) for rank in range(2)]
    assert [own.tolist() for own, _ in shares] == [[10, 11, 12], [13, 14, 10]]
    assert [real for _, real in shares] == [3, 2]
    assert [World(rank, 3).share(torch.tensor([4]))[1] for rank in range(3)] == [1, 0, 0]
    batch = {"steps": torch.ones(3, 2), "expression": torch.ones(3, 2)}
    marked = unlabelled(batch, {"expression": batch["expression"]}, 2)
    assert marked["expression"].isnan().all(1).tolist() == [False, False, True]
    assert marked["steps"] is batch["steps"]
