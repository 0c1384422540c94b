"""The graph on Ray: compact and spread answer as one process does, each part lives where it is said to live."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from ray.serve import Application

from serve.app import build
from serve.client import Client
from serve.run import running, serving
from serve.settings import ServerSettings
from tests import films
from tests.faults.servers import compare, expected, make_bundle

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
LENGTHS = (0.4, 1.7, 3.4, 5.6, 9.1)
"""Of five clips, in seconds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graph")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return make_bundle(folder / "bundle", folder)


@pytest.fixture(scope="module")
def clips(folder: Path, bundle: Path) -> dict[Path, dict[str, Any]]:
    """Clip → what it shows, as one process says."""
    made = [films.write(films.film(length, seed=row), folder / f"{row}.mp4") for row, length in enumerate(LENGTHS)]
    return {clip: expected(bundle, clip) for clip in made}


@pytest.fixture(scope="module")
def ray_there(folder: Path):
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    with running(200_000_000):
        yield
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def settings(folder: Path, placement: str) -> ServerSettings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parts = {"face": {"batch": 4000}, "text": {"batch": 4000}} if placement == "spread" else {}
    return ServerSettings.model_validate(
        {
            "graph": {"placement": placement, "parts": parts},
            "http": {"port": port, "upload": 1_000_000},
            "jobs": {"folder": folder / placement},
        }
    )


def actors() -> set[str]:
    """Deployments that live: a replica is an actor with a name of its own."""
    import ray

    names = (entry["name"] for entry in ray.util.list_named_actors(all_namespaces=True))
    return {name.split("#")[1] for name in names if name.startswith("SERVE_REPLICA::")}


def test_rays_own_command_builds_the_application(ray_there: None, bundle: Path) -> None:
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as built

    assert isinstance(built(build, {"bundle": str(bundle), "placement": "compact"}), Application)
    with pytest.raises(ValueError, match="bundles"):
        built(build, {"bundles": str(bundle)})


@pytest.mark.parametrize("placement", ["compact", "spread"])
def test_the_graph_answers_as_one_process_does(
    ray_there: None, folder: Path, bundle: Path, clips: dict[Path, dict[str, Any]], placement: str
) -> None:
    chosen = settings(folder, placement)
    address = f"http://127.0.0.1:{chosen.http.port}"
    with serving(bundle, chosen) as placed:
        apart = {f"cue.{name}" for name in ("people", "voice", "words")}
        apart |= {f"modality.{name}" for name in ("face", "audio", "text")}
        assert placed.kind == placement
        assert actors() == {"gate", "conductor"} | (apart if placement == "spread" else set())
        with Client(address) as client:
            known = client.models()
            assert (known["placement"], known["processes"]) == (placement, placed.processes)
            for clip, wanted in clips.items():
                answer = client.predict(clip)
                assert answer["degraded"] == {}
                assert compare(answer, wanted) == "", clip
                assert answer["words"] == wanted["words"]
                assert answer["tracks"] == wanted["tracks"]
            job = client.submit(list(clips)[2]).wait(200)
            assert compare(job.result(), clips[list(clips)[2]]) == ""
        _check_edges(address, list(clips)[-1])


def _check_edges(address: str, clip: Path) -> None:
    """What only shows through Serve's proxy: refusals before the body, streams while it goes on, senders that leave."""
    refused = httpx.post(f"{address}/v1/predict", files={"file": ("large.mp4", bytes(1_200_000))}, timeout=60)
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    wanted = {"Accept": "application/x-ndjson"}
    with (
        clip.open("rb") as file,
        httpx.stream("POST", f"{address}/v1/predict", files={"file": file}, headers=wanted, timeout=60) as answer,
    ):
        lines = answer.iter_lines()
        events = [json.loads(next(lines))["event"] for _ in range(2)]
        assert events == ["begun", "stretch"]
    end = time.monotonic() + 60  # whoever left holds no place for long
    while "twofold_predictions_busy 0.0" not in httpx.get(f"{address}/metrics", timeout=30).text:
        assert time.monotonic() < end, "a clip of somebody who left is still worked on"
        time.sleep(0.2)
    assert httpx.get(f"{address}/", timeout=30).status_code == 200
    assert httpx.get(f"{address}/nowhere", timeout=30).headers["content-type"] == "application/problem+json"
