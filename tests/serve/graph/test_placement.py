"""Who lives where, by what the bundle holds, what the settings say and what the machine has."""

import pytest

from serve.graph.placement import Placement, Resources, place
from serve.settings import GraphSettings, SettingsError
from tests import toys

BUNDLE = toys.settings().model_dump(mode="json")
SMALL, NODE, MANY = Resources(2), Resources(16, 1), Resources(16)


def placed(there: Resources, **settings) -> Placement:
    return place(BUNDLE, GraphSettings.model_validate(settings), there)


def test_two_cores_hold_the_plan_twice() -> None:
    found = placed(SMALL)
    assert (found.kind, found.conductor.replicas, found.processes) == ("compact", 2, 2)
    assert not found.cues
    assert not found.hosts
    assert found.conductor.cpus * found.conductor.replicas <= SMALL.cpus


@pytest.mark.parametrize("there", [NODE, MANY])
def test_a_larger_machine_gives_each_part_its_own_deployment(there: Resources) -> None:
    found = placed(there)
    assert found.kind == "spread"
    assert set(found.cues) == set(BUNDLE["cues"])
    assert set(found.hosts) == set(BUNDLE["modalities"])


def test_modalities_share_a_gpu_and_cues_stay_on_the_processor() -> None:
    found = placed(NODE)
    assert 0.3 < found.hosts["face"].gpus < 0.34
    assert sum(claim.gpus for claim in found.hosts.values()) <= 1
    assert all(claim.gpus == 0 for claim in found.cues.values())


def test_spread_fits_two_cores_when_it_is_wished() -> None:
    found = placed(SMALL, placement="spread")
    claims = [found.conductor, *found.cues.values(), *found.hosts.values()]
    assert len(claims) == 7
    assert sum(claim.cpus for claim in claims) <= SMALL.cpus


def test_what_is_wished_for_a_part_goes_before() -> None:
    parts = {"face": {"cpus": 0.5, "replicas": 2, "most": 3, "timeout": 5, "batch": 64, "resources": {"camera": 0.1}}}
    claim = placed(SMALL, placement="spread", parts=parts, timeout=9).hosts["face"]
    assert claim.options == {
        "autoscaling_config": {"min_replicas": 2, "max_replicas": 3, "target_ongoing_requests": 1},
        "ray_actor_options": {"num_cpus": 0.5, "num_gpus": 0.0, "resources": {"camera": 0.1}},
    }
    assert (claim.timeout, claim.batch) == (5, 64)
    assert placed(SMALL, placement="spread", parts=parts, timeout=9).hosts["audio"].timeout == 9


@pytest.mark.parametrize(
    ("there", "settings", "says"),
    [
        (SMALL, {"parts": {"nose": {}}}, "names nose, but this bundle has audio, conductor, face"),
        (SMALL, {"placement": "spread", "parts": {"face": {"cpus": 3}}}, "ask for 3 CPUS, but there are 2"),
        (SMALL, {"parts": {"conductor": {"gpus": 1}}}, "ask for 2 GPUS, but there are 0"),
        (SMALL, {"parts": {"conductor": {"replicas": 4, "most": 3}}}, "cannot grow from 4 to 3"),
    ],
)
def test_what_cannot_be_is_a_sentence(there: Resources, settings, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        placed(there, **settings)
