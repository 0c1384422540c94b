"""A search whose process is killed with SIGKILL goes on: what had ended stays, and it ends where an unkilled one ends.

So it does where it is kept in a bucket, and another machine goes on, which has nothing of the first one's.

(`test_sweep.py` goes through the moments at which that may happen.)
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ensemble.plan import Plan
from modalities.assets import cache_folder
from tests.faults.driver import POINTS, sweep
from tests.faults.runs import started
from tests.tuning import tiny
from tuning.cluster import running
from tuning.search.outcome import Outcome, read_outcome
from tuning.search.trials.member import ITERATIONS, SCORE
from tuning.search.tune.kept import STATE, TRIALS
from tuning.search.tune.sweep import KEPT, OUTCOME
from tuning.search.tune.trial import SECONDS
from tuning.storage import VARIABLE, kept, placed, send

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(900)]
MEMBER = "face.static"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the corpus, its encodings, and a cache."""
    made = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWOFOLD_CACHE", str(tiny.cache(made)))
        tiny.make(made / "corpus", kept("encodings"), Plan.of(tiny.recipe().ensemble))
        yield made


@pytest.fixture(scope="module")
def whole(folder: Path) -> Outcome:
    """What comes out where nobody is killed."""
    with running(cpus=2):
        sweep(folder, folder / "unkilled")
    return outcome(folder / "unkilled")


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the storage, which has the encodings; return where it really lies."""
    place = tmp_path / request.param
    monkeypatch.setenv(VARIABLE, f"file://{place}" if request.param == "bucket" else str(place))
    shutil.copytree(folder / "cache" / "encodings", kept("encodings"))
    send(kept("encodings"))
    return place


def ended(out: Path) -> list[dict[str, Any]]:
    """Return the last result of every trial that is known to have ended, in order."""
    path = out / "search" / MEMBER / KEPT / STATE
    if not path.exists():
        return []
    with zipfile.ZipFile(path) as pack:
        trials = [(json.loads(state), json.loads(told)) for state, told in json.loads(pack.read(TRIALS))["trial_data"]]
    return [told["last_result"] for state, told in trials if state["status"] == "TERMINATED"]


def outcome(out: Path) -> Outcome:
    return read_outcome(out / "search" / MEMBER / OUTCOME)


def test_a_killed_search_keeps_what_had_ended_and_ends_as_an_unkilled_one(
    folder: Path, storage: Path, whole: Outcome
) -> None:
    killed = storage / "killed"
    with started("sweep", folder, placed(Path("killed")), log=storage.parent / "killed.log") as run:
        run.until(lambda: len(ended(killed)) >= 2)
        run.kill()
    before = ended(killed)
    assert 2 <= len(before) < POINTS, "it was killed too late"
    assert not (killed / "search" / MEMBER / OUTCOME).exists()
    shutil.rmtree(cache_folder() / "buckets", ignore_errors=True)  # another machine goes on
    with running(cpus=2):
        sweep(folder, placed(Path("killed")))
    resumed = outcome(killed)
    assert len(resumed.trials) == len(whole.trials) == POINTS
    assert [trial.state for trial in resumed.trials] == ["done"] * POINTS
    for told, trial in zip(before, resumed.trials, strict=False):
        assert (trial.values[SCORE], trial.seconds) == (told[SCORE], told[SECONDS]), "one that had ended was run again"
    for one, other in zip(whole.trials, resumed.trials, strict=True):
        assert other.settings == one.settings
        assert len(other.curve) == ITERATIONS
        assert other.values == pytest.approx(one.values, abs=1e-6)
        assert other.curve == pytest.approx(one.curve, abs=1e-6)
    best, again = whole.best(), resumed.best()
    assert best is not None
    assert again is not None
    assert again.number == best.number == whole.chosen
    assert (killed / "bundle" / "bundle.json").exists()
