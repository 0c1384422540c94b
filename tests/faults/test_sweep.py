"""A sweep that is killed at any moment goes on and ends as an unkilled one; what had ended is not tried again.

A process that is killed leaves its folder as it is; so one undisturbed sweep is copied at every moment, and each copy
is gone on with where the sweep was. (`test_search.py` kills the process of a whole search.)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from tests.faults.climbing import TRIALS, WORKED, all_moments, climb, tear
from tuning.cluster import running
from tuning.search.outcome import Outcome

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A sweep that nobody disturbed, and what it would have left."""

    out: Path
    copies: Path
    outcome: Outcome
    worked: list[tuple[str, int]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    folder = tmp_path_factory.mktemp("climbing")
    out, copies = folder / "out", folder / "copies"
    out.mkdir()
    with running(cpus=2):
        outcome = all_moments(out, copies, "asha")
        yield Undisturbed(out, copies, outcome, worked(out))


def worked(out: Path) -> list[tuple[str, int]]:
    """Return point and number of every step of work that was done, in order."""
    log = out / WORKED
    lines = log.read_text().splitlines() if log.exists() else []
    return [(height, int(at)) for height, _, at in (line.partition(" ") for line in lines)]


def test_the_moments_are_those_of_five_trials(undisturbed: Undisturbed) -> None:
    """Else what follows would say nothing: some are stopped early, and states are deleted on the way."""
    states = [trial.state for trial in undisturbed.outcome.trials]
    assert len(states) == TRIALS
    assert set(states) == {"done", "stopped"}
    there = {path.name for path in undisturbed.copies.iterdir()}
    assert {f"{event}-{n}" for event in ("asked", "ended") for n in range(1, TRIALS + 1)} <= there
    assert {"heard-1", "dropped-1", "over-1"} <= there


@pytest.mark.parametrize(
    "moment",
    [
        "asked-1",  # nothing was begun
        "heard-1",  # the first result, and no state
        "heard-3",  # a result in the middle, and the state before
        "dropped-1",  # a state was deleted that was the newest not long ago
        "ended-1",  # a trial ended
        "ended-2",  # a trial was stopped
        "ended-5",  # the last one ended
        "over-1",  # all ended, and what came out is not written
    ],
)
def test_a_sweep_killed_at_a_moment_ends_as_an_unkilled_one(moment: str, undisturbed: Undisturbed) -> None:
    shutil.rmtree(undisturbed.out)
    shutil.copytree(undisturbed.copies / moment, undisturbed.out)
    tear(undisturbed.out)
    before = worked(undisturbed.out)
    resumed = climb(undisturbed.out, "asha")
    for one, other in zip(undisturbed.outcome.trials, resumed.trials, strict=True):
        assert (other.number, other.settings, other.state) == (one.number, one.settings, one.state)
        assert (other.values, other.curve, other.problem) == (one.values, one.curve, "")
    after = worked(undisturbed.out)
    assert after[: len(before)] == before
    points = [point for point, _ in groupby(point for point, _ in after)]
    assert points == [point for point, _ in groupby(point for point, _ in undisturbed.worked)], "one was tried again"
    assert set(after) == set(undisturbed.worked)
    assert len(after) <= len(undisturbed.worked) + 2, "more was done again than what was in flight"
