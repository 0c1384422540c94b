"""What a killed sweep goes on from: whole files, of one moment, and what stopped trials early hears it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tuning.search.outcome import Objective
from tuning.search.settings import SearchSettings
from tuning.search.tune.kept import STATE, Kept
from tuning.search.tune.stopping import Halving, Median, scheduler
from tuning.search.tune.watch import LOOKING, Clock, Looking, Told, Watch
from tuning.storage import StorageError

BEGAN = ("2031-01-01_10-00-00", "2031-01-01_11-00-00")
CURVES = {"a": {1: 0.25, 2: 0.5}, "b": {1: 0.125}}


def stage(folder: Path, session: int) -> Path:
    """Write what Tune does, in a process that began then."""
    for name in ("experiment_state-{}.json", "search_gen_state-{}.json", "searcher-state-{}.pkl"):
        (folder / name.format(BEGAN[session])).write_text(f"session {session}")
    return folder


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """What is kept of a sweep that went on once, and in which a trial failed."""
    (staged := tmp_path / "staged" / "trial").mkdir(parents=True)
    (staged / "error.pkl").write_bytes(b"why")
    (tune := tmp_path / "ray").mkdir()
    (tune / "tuner.pkl").write_text("begun")
    made = Kept(tmp_path / "kept")
    made.begin(tune)
    made.keep(stage(stage(tmp_path / "staged", 0), 1), CURVES)
    return made


def test_the_newest_state_is_given_back_instead_of_halves(kept: Kept, tmp_path: Path) -> None:
    tune = stage(tmp_path / "ray", 0)
    for path in tune.iterdir():
        path.write_text("hal")
    assert kept.put_back(tune) == CURVES
    states = sorted(path.name for path in tune.glob("*-*"))
    assert [name.partition("-")[0] for name in states] == ["experiment_state", "search_gen_state", "searcher"]
    assert all((tune / name).read_text() == "session 1" for name in states)
    assert (tune / "tuner.pkl").read_text() == "begun"
    assert (tune / "trial" / "error.pkl").read_bytes() == b"why"
    again = {path: path.read_bytes() for path in tune.rglob("*") if path.is_file()}
    assert kept.put_back(tune) == CURVES, "killed while it was given back"
    assert sorted(path.read_bytes() for path in tune.rglob("*") if path.is_file()) == sorted(again.values())


def test_where_nothing_was_kept_nothing_counts(kept: Kept, tmp_path: Path) -> None:
    (kept.folder / STATE).unlink()
    assert kept.put_back(tmp_path / "ray") is None
    assert not (tmp_path / "ray").exists()
    assert Kept(tmp_path / "other").put_back(tmp_path / "nowhere") is None


def test_a_state_that_is_half_written_is_not_kept(kept: Kept, tmp_path: Path) -> None:
    whole = (kept.folder / STATE).read_bytes()
    next((tmp_path / "staged").glob("searcher-state-*")).unlink()
    next((tmp_path / "staged").glob("searcher-state-*")).unlink()
    with pytest.raises(ValueError, match="empty"):
        kept.keep(tmp_path / "staged", CURVES)
    assert (kept.folder / STATE).read_bytes() == whole
    assert sorted(path.name for path in kept.folder.iterdir()) == [STATE, "tuner.pkl"]


@dataclass(frozen=True)
class Tried:
    """What a scheduler asks of a trial."""

    trial_id: str
    finished: bool
    saved: int = 0

    def is_finished(self) -> bool:
        return self.finished

    @property
    def latest_checkpoint_result(self) -> SimpleNamespace | None:
        return SimpleNamespace(metrics={"training_iteration": self.saved}) if self.saved else None


SCORE = Objective("score", "max")
GOOD = dict.fromkeys(range(1, 5), 0.8)


def knowing(tmp_path: Path, stop: str, curves: dict[str, dict[int, float]]) -> Halving | Median:
    """Make what stops trials in a sweep that goes on."""
    path = str(tmp_path / "ray")
    LOOKING[path] = Looking(Clock(tmp_path / "seconds.json"), lambda _: None, Kept(tmp_path / "kept"), curves)
    return scheduler(SearchSettings(stop=stop, grace=1, reduction=2), SCORE, 4, path)


@pytest.mark.parametrize("stop", ["asha", "median"])
def test_who_stops_trials_knows_those_that_ended_before(stop: str, tmp_path: Path) -> None:
    before = dict.fromkeys("abc", GOOD)
    knows, forgot = knowing(tmp_path, stop, before), knowing(tmp_path / "new", stop, {})
    for one in (knows, forgot):
        for name in before:
            one.on_trial_add(None, Tried(name, finished=True))
        one.on_trial_add(None, Tried("new", finished=False))
    result = {"training_iteration": 1, "score": 0.1}
    assert knows.on_trial_result(SimpleNamespace(get_live_trials=list), Tried("new", finished=False), result) == "STOP"
    assert forgot.on_trial_result(SimpleNamespace(get_live_trials=list), Tried("new", finished=False), result) != "STOP"


@pytest.mark.parametrize("stop", ["asha", "median"])
@pytest.mark.parametrize("saved", [0, 1])
def test_a_trial_that_goes_on_is_judged_by_what_it_tells_again(stop: str, saved: int, tmp_path: Path) -> None:
    """It was to be stopped after two, which was told and not done; the second it tells again."""
    curves = {**dict.fromkeys("abc", GOOD), "bad": {1: 0.1, 2: 0.1}}
    judge, bad = knowing(tmp_path, stop, curves), Tried("bad", finished=False, saved=saved)
    for name in "abc":
        judge.on_trial_add(None, Tried(name, finished=True))
    judge.on_trial_add(None, bad)
    result = {"training_iteration": saved + 1, "score": 0.1}
    assert judge.on_trial_result(SimpleNamespace(get_live_trials=list), bad, result) == "STOP"


# ----------------------------------------------------------------------------------- a storage that is away for a while


def test_a_storage_that_is_away_for_a_while_costs_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knowing(tmp_path, "never", {})
    path, told = str(tmp_path / "ray"), []
    monkeypatch.setitem(LOOKING, path, replace(LOOKING[path], report=told.append))
    (tmp_path / "staged").mkdir()
    trial = SimpleNamespace(
        trial_id="a",
        last_result={"score": 0.5},
        is_finished=lambda: True,
        storage=SimpleNamespace(experiment_driver_staging_path=str(stage(tmp_path / "staged", 0))),
    )
    watch = Watch(path, SCORE, 2)

    def away(_: Path) -> None:
        raise StorageError("the bucket cannot be reached")

    with monkeypatch.context() as outage:
        for module in ("watch", "kept"):
            outage.setattr(f"tuning.search.tune.{module}.send", away)
        watch.on_trial_complete(0, [trial], trial)
        watch.on_step_end(0, [trial])
    assert told == [Told(1, 2, 0.5)]
    (tmp_path / "kept" / STATE).unlink(missing_ok=True)
    watch.on_step_end(0, [trial])
    assert (tmp_path / "kept" / STATE).exists(), "the next step keeps what this one could not"
