"""What a cluster has no room for is said before work begins; folders that machines do not share, too."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import ray

from ensemble.plan import Plan
from tests import toys
from tests.tuning import tiny
from tuning.address import ClusterError
from tuning.cluster import LIVES, running, spread_over
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.extract import extract
from tuning.launch import fit_on_ray
from tuning.machines import check_seen
from tuning.placement import ClusterSettings
from tuning.recipe import parse_recipe
from tuning.room import Demand, require, room_for, sets_beside
from tuning.train import Job

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with running(cpus=2):
        yield


def test_room_is_counted_beside_what_is_taken() -> None:
    assert room_for({"CPU": 1}, 5) == 2
    assert room_for({"CPU": 0.5}, 5, [Demand("others", {"CPU": 1})]) == 2
    assert room_for({"GPU": 0.1}, 5) == 0
    assert room_for({}, 5) == 5
    require([Demand("all", {"CPU": 1}, 2)])


@pytest.mark.parametrize(
    ("each", "watchers", "encoder", "sets"),
    [
        ({"CPU": 2}, {"CPU": 1}, {}, 3),  # encoders claim nothing: one set on each machine
        ({"CPU": 8}, {"CPU": 1}, {"CPU": 1}, 3),  # never more than machines
        ({"CPU": 3}, {"CPU": 1}, {"CPU": 1}, 2),  # 9 cores: 4 who watch, and 2 encoders in a set
        ({"CPU": 2}, {"CPU": 1}, {"CPU": 1}, 1),  # 6 cores: 4 who watch and one set are all
        ({"CPU": 4, "GPU": 1}, {"CPU": 1}, {"GPU": 0.5}, 3),
        ({"CPU": 4, "GPU": 1}, {"GPU": 0.5}, {"GPU": 0.5}, 1),
        ({"node": 1}, {"node": 0.3}, {"node": 0.4}, 1),  # two sets leave 1.4, but in pieces that hold three who watch
    ],
)
def test_encoders_leave_room_for_those_who_watch(each, watchers, encoder, sets, monkeypatch) -> None:
    monkeypatch.setattr("tuning.room.machines", lambda: [{"Resources": dict(each)} for _ in range(3)])
    assert sets_beside(Demand("encoders", encoder, 2), Demand("cues", watchers, 4)) == sets


def test_machines_without_what_encoders_need_hold_none(monkeypatch) -> None:
    there = [{"CPU": 4.0}, {"CPU": 4.0, "GPU": 1.0}, {"CPU": 4.0, "GPU": 1.0}]
    monkeypatch.setattr("tuning.room.machines", lambda: [{"Resources": one} for one in there])
    assert sets_beside(Demand("encoders", {"GPU": 0.5}, 2), Demand("cues", {"CPU": 1}, 12)) == 2


def test_what_does_not_fit_is_named_with_what_there_is() -> None:
    with pytest.raises(ClusterError, match=r"no room for cues \(2 × 1 CPU\)\. It has 1 machine\(s\): 2 CPU; ask for"):
        require([Demand("encoders", {"CPU": 1}), Demand("cues", {"CPU": 1}, 2)])


def test_an_autoscaler_is_waited_for_as_long_as_is_said() -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match="gpu_node"):
        require([Demand("encoders", {"gpu_node": 0.01})], wait=3)
    assert 3 <= time.monotonic() - began < 60


def test_extraction_and_training_say_it_before_they_begin(tmp_path: Path) -> None:
    where = ClusterSettings.model_validate({"encoders": {"gpus": 0.5}, "cues": {"resources": {"cpu_node": 0.1}}})
    nowhere = AtTimes(np.zeros(0, np.int64))
    clips = [LabelledClip("one", Path(__file__), "one", "train", nowhere, {})]
    cache = EncodingCache(tmp_path / "cache", Plan.of(toys.settings()))
    with pytest.raises(ClusterError, match=r"no room for encoders \(3 × 0.5 GPU\)"):
        extract(clips, cache, lambda _: None, where)
    assert not (tmp_path / "cache").exists()
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    recipe = parse_recipe({**table, "cluster": {"fit": {"cpus": 2}}})
    with pytest.raises(ClusterError, match=r"no room for training workers \(2 × 2 CPU\)"):
        fit_on_ray(Job(recipe, {}, tmp_path, tmp_path / "fit"), lambda _: None, workers=2)


def test_one_machine_sees_its_own_folders(tmp_path: Path) -> None:
    check_seen([tmp_path / "not there yet"], [tmp_path / "nor this"])
    assert not list(tmp_path.iterdir())


class Dying:
    """Dies of one item, every time."""

    def work(self, item: int) -> None:
        if item == 3:
            import os

            os._exit(1)


def test_what_kills_whoever_works_on_it_is_named_and_ends(tmp_path: Path) -> None:
    done: list[int] = []
    actor = ray.remote(num_cpus=1, **LIVES)(Dying)
    with pytest.raises(ClusterError, match="who worked on 3 died again and again"):
        spread_over(lambda: actor.remote(), "work", [1, 2, 3], 1, done=done.append)
