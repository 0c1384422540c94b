"""Extraction that is killed with SIGKILL, and started again, encodes nothing again but what was in flight."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from ensemble.plan import Plan
from tests import films, toys
from tests.faults.driver import clips
from tests.faults.runs import Run, started
from tuning.cluster import IN_FLIGHT
from tuning.encodings import EncodingCache, impress

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(600)]
CLIPS, WATCHERS, SECONDS = 24, 2, 12.3
PIECES = len(EncodingCache(Path(), Plan.of(toys.settings())).pieces)
"""Of each clip."""
SCALE = 24
"""How much larger the toy film is made, so that a clip takes a while."""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Path:
    """Clips that show the same and differ in their bytes, or they would be one to the cache."""
    made = tmp_path_factory.mktemp("extraction")
    for number in range(CLIPS):
        ending = (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big")  # a box that nobody reads
        (made / f"clip-{number}.mp4").write_bytes(film.read_bytes() + ending)
    return made


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy film as a file."""
    return films.write(films.film(SECONDS), tmp_path_factory.mktemp("film") / "film.mp4", scale=SCALE)


def written(folder: Path) -> dict[Path, int]:
    """Piece → when it was written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "cache").glob("*/*.npz")}


def some() -> int:
    """After how many clips to kill."""
    return random.SystemRandom().randrange(2, CLIPS // 2)


def check(folder: Path, before: dict[Path, int], killed_after: int) -> None:
    """Everything is there, and what was there before was left alone, but for what was in flight."""
    after = written(folder)
    assert len(after) == CLIPS * PIECES
    again = {path.name for path, time in before.items() if after[path] != time}
    assert len(again) <= IN_FLIGHT * WATCHERS, f"killed after {killed_after} clips, {len(again)} were encoded again"
    plan = Plan.of(toys.settings())
    cache, (first, *_) = EncodingCache(folder / "cache", plan), clips(folder)
    expected, found = impress(plan, first.footages()), cache.load(first)
    for key, encoding in expected.encodings.items():
        np.testing.assert_array_equal(found.encodings[key].steps, encoding.steps)


def test_the_driver_is_killed(folder: Path) -> None:
    count = some()
    with started("extract", folder, log=folder / "log") as run:
        run.until(lambda: len(written(folder)) >= count * PIECES)
        run.kill()
        before = written(folder)
        assert len(before) < CLIPS * PIECES, "it was killed too late"
        with started("extract", folder, log=folder / "log") as again:  # at once: what it left behind still works
            again.finish()
    check(folder, before, count)


@pytest.mark.parametrize("title", ["Watcher", "ModalityActor"])
def test_an_actor_is_killed(title: str, folder: Path) -> None:
    count = some()
    with started("extract", folder, log=folder / "log") as run:
        run.until(lambda: len(written(folder)) >= count * PIECES)
        before = kill_one(run, title, folder)
        assert len(before) < CLIPS * PIECES, "it was killed too late"
        run.finish()
    check(folder, before, count)


def kill_one(run: Run, title: str, folder: Path) -> dict[Path, int]:
    """Kill one of the actors of a class; return what had been written by then."""
    victim = random.SystemRandom().choice(run.find(title))
    os.kill(victim, signal.SIGKILL)
    return written(folder)
