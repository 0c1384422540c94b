"""Joining a cluster that runs: what cannot be joined is one sentence, soon, and exit code 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

import twofold
from tuning.address import ClusterError, LostClusterError, Place, find, refuse_client, wanted
from tuning.joining import reason

ROOT = Path(twofold.__file__).parent


@pytest.fixture
def closed() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def listening() -> Iterator[Place]:
    """Return a place where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield Place(f"{host}:{port}", host, port)


@pytest.mark.parametrize(
    "address",
    ["", "head", "http://head:8265", "head:", "head:0", "head:65536", "ray://head", "ray:/head:1", ":6379", "a b:1"],
)
def test_what_is_no_address_is_refused_with_the_forms_that_are(address: str) -> None:
    with pytest.raises(ClusterError, match=r"no address of a cluster; give auto, HOST:PORT .* or ray://HOST:PORT"):
        find(address)


@pytest.mark.parametrize("form", ["{}", "ray://{}"])
def test_a_dead_address_is_said_at_once(closed: str, form: str) -> None:
    began = time.monotonic()
    with pytest.raises(ClusterError, match="no cluster answers at"):
        find(form.format(closed))
    assert time.monotonic() - began < 10


def test_an_address_is_found_where_somebody_speaks_as_ray_does() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert find(f"ray://127.0.0.1:{port}") == Place(f"ray://127.0.0.1:{port}", "127.0.0.1", port)
        assert find(f"127.0.0.1:{port}").answers
    finally:
        server.stop(0)


@pytest.mark.slow
def test_who_listens_and_says_nothing_is_no_cluster(listening: Place) -> None:
    assert listening.answers
    began = time.monotonic()
    with pytest.raises(ClusterError, match="is no Ray cluster; give auto"):
        find(listening.address)
    assert time.monotonic() - began < 120


def test_ray_is_started_here_where_no_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, meant in (("", None), ("local", None), ("auto", "auto"), ("head:6379", "head:6379")):
        monkeypatch.setenv("RAY_ADDRESS", said)
        assert wanted() == meant
    monkeypatch.delenv("RAY_ADDRESS")
    assert wanted() is None


def test_what_needs_its_driver_beside_it_is_not_driven_from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    refuse_client("a search")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(ClusterError, match=r"a search is driven from a machine of the cluster.* ray job submit"):
        refuse_client("a search")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("Python minor versions differ.\n  File a.py"), "Python minor versions differ"),
        (
            ConnectionAbortedError(
                "Initialization failure from server:\nTraceback (most recent call last):\n  File a.py\n"
                "RuntimeError: Proxy failed to Connect to backend!\n"
            ),
            "RuntimeError: Proxy failed to Connect to backend!",
        ),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_of_what_ray_says_the_line_that_tells_why_is_kept(error: Exception, told: str) -> None:
    assert reason(error) == told


def test_a_cluster_that_is_wrong_is_bad_input_and_one_that_is_lost_is_not() -> None:
    assert twofold.exit_code(ClusterError("wrong")) == 2
    assert twofold.exit_code(LostClusterError("gone")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_command_line_says_it_in_one_sentence(closed: str, how: str, tmp_path: Path) -> None:
    option = ["--address", closed] if how == "option" else []
    words = [sys.executable, "-m", "twofold", *option, "train", "demo", "--tiny", "-o", str(tmp_path)]
    told = {**os.environ, "TWOFOLD_CACHE": str(tmp_path)} | ({"RAY_ADDRESS": closed} if how == "variable" else {})
    run = subprocess.run(words, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.splitlines()[-1].startswith(f"twofold: no cluster answers at {closed};")
    assert "Traceback" not in run.stderr
