"""Each file that starts a cluster is one that Ray, KubeRay or Kubernetes would take, and they agree with each other."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.cluster import kuberay

ROOT = Path(__file__).resolve().parents[2]
LAUNCHED = ("cluster.yaml", "cluster/aws.yaml", "cluster/gcp.yaml")
MANIFESTS = ("cluster/kuberay/raycluster.yaml", "cluster/kuberay/rayservice.yaml")
NEEDED = ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "assets.toml", "twofold.py")
"""What `make setup` reads, and the command."""


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / name).read_text()))


def test_every_file_is_looked_at() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "cluster").rglob("*.y*ml")} | {"cluster.yaml"}
    assert there == {*LAUNCHED, *MANIFESTS, "cluster/serve.yaml"}


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_takes_it(name: str) -> None:
    validate_config(prepare_config(read(name)))


@pytest.mark.parametrize("name", LAUNCHED)
@pytest.mark.parametrize("change", [{"setup_comands": []}, {"max_workers": "many"}, {"cluster_name": None}])
def test_ray_would_not_take_anything(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate_config({**prepare_config(read(name)), **change})


@pytest.mark.parametrize("name", LAUNCHED)
def test_it_brings_the_code_and_what_setup_reads(name: str) -> None:
    mounts = read(name)["file_mounts"]
    assert mounts == {f"~/twofold/{source}": source for source in mounts.values()}
    assert all((ROOT / source).exists() for source in mounts.values())
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(mounts.values()) >= {*shipped["only-include"], *NEEDED}
    assert ".venv" not in mounts.values()
    assert mounts == read("cluster.yaml")["file_mounts"]


@pytest.mark.parametrize("name", LAUNCHED)
def test_ray_starts_with_one_mind_about_tokens_and_says_nothing_home(name: str) -> None:
    config = read(name)
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        stop, start = commands
        assert stop.endswith("ray stop")
        assert "RAY_AUTH_MODE=${RAY_AUTH_MODE:-disabled} RAY_USAGE_STATS_ENABLED=0" in start
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in start_of(config["head_start_ray_commands"])
    assert "--address=$RAY_HEAD_IP:6379" in start_of(config["worker_start_ray_commands"])
    assert any("twofold/.venv/bin" in line and ".bashrc" in line for line in config["setup_commands"])


def start_of(commands: list[str]) -> str:
    return shlex.join(shlex.split(commands[-1]))


def test_machines_of_ones_own_are_kept_from_what_loses_workers() -> None:
    config = read("cluster.yaml")
    assert "RAY_enable_autoscaler_v2=0" in config["head_start_ray_commands"][-1]
    assert not {"min_workers", "max_workers", "available_node_types", "head_node"} & config.keys()
    local = prepare_config(config)["available_node_types"]["local.cluster.node"]
    assert local["min_workers"] == local["max_workers"] == len(config["provider"]["worker_ips"])


@pytest.mark.parametrize("name", LAUNCHED[1:])
def test_clouds_have_machines_of_both_kinds(name: str) -> None:
    kinds = read(name)["available_node_types"]
    assert kinds[read(name)["head_node_type"]]["resources"] == {"CPU": 0}
    assert {"cpu_node", "gpu_node"} <= {resource for kind in kinds.values() for resource in kind["resources"]}


@pytest.mark.parametrize("name", MANIFESTS)
def test_kubernetes_and_kuberay_take_it(name: str) -> None:
    for manifest in manifests(name):
        kuberay.check(manifest)


@pytest.mark.parametrize("name", MANIFESTS)
def test_kuberay_would_not_take_anything(name: str) -> None:
    (manifest,) = (one for one in manifests(name) if one["kind"].startswith("Ray"))

    def spec(changed: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = changed["spec"].get("rayClusterConfig", changed["spec"])
        return found

    for change in ("replica", "minReplicas", "rayStartParams", "template"):
        broken = deepcopy(manifest)
        group = spec(broken)["workerGroupSpecs"][0]
        group[change] = "many" if change != "rayStartParams" else {"num-cpus": 0}
        with pytest.raises(jsonschema.ValidationError):
            kuberay.check(broken)
    broken = deepcopy(manifest)
    spec(broken)["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kuberay.check(broken)


@pytest.mark.parametrize("name", MANIFESTS)
def test_pods_run_the_ray_that_is_pinned_and_share_the_folder(name: str) -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))["ray"]
    for manifest in manifests(name):
        if not manifest["kind"].startswith("Ray"):
            continue
        spec = manifest["spec"].get("rayClusterConfig", manifest["spec"])
        assert spec["rayVersion"] == pinned
        for template in kuberay.templates(manifest):
            (container,) = template["spec"]["containers"]
            assert container["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
            assert template["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "twofold-shared"}
            assert container["image"] in ("twofold:cpu", "twofold:cuda")


@pytest.mark.skipif("TWOFOLD_KUBERAY_CRDS" not in os.environ, reason="TWOFOLD_KUBERAY_CRDS names no folder of KubeRay")
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_operators_own_schema_takes_it(name: str) -> None:
    schemas = {}
    for path in Path(os.environ["TWOFOLD_KUBERAY_CRDS"]).glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        for version in definition["spec"]["versions"]:
            if version["name"] == "v1":
                schemas[definition["spec"]["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    for manifest in manifests(name):
        if manifest["kind"] in kuberay.SPECS:
            jsonschema.validate(manifest, schemas[manifest["kind"]])


def test_a_serve_config_names_the_graph_and_what_it_takes() -> None:
    from ray.serve.schema import ServeDeploySchema

    from serve.app import Arguments, build

    (service,) = (one for one in manifests("cluster/kuberay/rayservice.yaml") if one["kind"] == "RayService")
    for config in (read("cluster/serve.yaml"), yaml.safe_load(service["spec"]["serveConfigV2"])):
        (application,) = ServeDeploySchema.model_validate(config).applications
        assert application.import_path == f"{build.__module__}:{build.__name__}"
        assert Arguments.model_validate(application.args).bundle.endswith("/bundle")


def test_the_image_copies_what_there_is() -> None:
    lines = (ROOT / "cluster" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1] if word[0] != "-"]
    assert all((ROOT / one).exists() for one in copied)
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(copied) >= {*shipped["only-include"], "constraints.txt", "pyproject.toml"}
    assert "ARG TORCH=cpu" in lines
