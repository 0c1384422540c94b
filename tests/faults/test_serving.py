"""A server under load whose parts are killed, raise, hang, or lose their store: no request lost, none wrong.

Sixteen clients ask without a pause. What could not be asked is absent and told of; nobody has to lend a hand.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve.client import Client
from tests.faults.servers import Load, Server, compare, expected, make_bundle, make_clip, serving

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(900)]
CLIENTS = 16
HEAD = f"{'fault':24}{'answers':>9}{'degraded':>9}{'slowest s':>11}{'clean after s':>15}"
Record = Callable[[str, object], None]
SPREAD = """
[graph]
placement = "spread"
timeout = 3
store = 100_000_000
[http]
waiting = 20
"""
AUDIO = {"audio.attention", "audio.mean"}


@dataclass(frozen=True)
class Place:
    """A server, and what its answers must be."""

    server: Server
    clip: Path
    wanted: dict[str, Any]
    moods: Path

    def load(self) -> Load:
        return Load(self.server.address, self.clip, self.wanted)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("serving")
    moods = folder / "moods"
    moods.mkdir()
    bundle = make_bundle(folder / "bundle", moods)
    clip = make_clip(folder / "clip.mp4", 3.4)
    with serving(bundle, folder, SPREAD) as server:
        yield Place(server, clip, expected(bundle, clip), moods)


def recovered(load: Load, began: float) -> float:
    """Wait until forty answers in a row were whole; return after how many seconds they began."""
    while True:
        clean, count = load.clean_since, load.answers
        load.until(lambda: load.answers >= count + 40 or load.clean_since != clean)  # noqa: B023  used at once
        if load.clean_since == clean:
            return max(0.0, clean - began)


def row(name: str, load: Load, after: float) -> str:
    return f"{name:24}{load.answers:9}{load.degraded:9}{load.slowest:11.1f}{after:15.1f}"


@pytest.mark.parametrize("kind", ["cue.people", "cue.words", "modality.face", "modality.audio", "conductor", "gate"])
def test_a_replica_is_killed(place: Place, record_property: Record, kind: str) -> None:
    with place.load().of(CLIENTS) as load:
        load.more(CLIENTS)
        (victim,) = place.server.find("ServeReplica", kind)
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        load.more(2 * CLIENTS)
        after = recovered(load, began)
    assert load.wrong == []
    assert all(not reason.count("/") and "Error" not in reason for reason in load.reasons), load.reasons
    record_property(HEAD, row(f"killed {kind}", load, after))


@pytest.mark.parametrize(
    ("mood", "says"), [("raise", "audio failed with RuntimeError"), ("hang", "audio did not answer")]
)
def test_a_member_in_a_bad_mood_is_absent(place: Place, record_property: Record, mood: str, says: str) -> None:
    with place.load().of(CLIENTS) as load:
        load.more(CLIENTS)
        began = time.monotonic()
        (place.moods / mood).touch()
        load.until(lambda: load.degraded >= CLIENTS)
        (place.moods / mood).unlink()
        after = recovered(load, began)
    assert load.wrong == []
    assert any(reason.startswith(says) for reason in load.reasons), load.reasons
    record_property(HEAD, row(f"a member that {mood}s", load, after))


def test_the_object_store_is_full(place: Place, record_property: Record, tmp_path: Path) -> None:
    raylet = place.server.find("raylet", "gcs-address")[0]
    words = Path(f"/proc/{raylet}/cmdline").read_bytes().decode(errors="replace")
    address = re.findall(r"--gcs-address=([\d.]+:\d+)", words)[0]
    fill = (
        "import ray, numpy as np, sys, time\n"
        f"ray.init(address={address!r}, logging_level='ERROR', log_to_driver=False)\n"
        "kept = [ray.put(np.ones(10_000_000, np.uint8)) for _ in range(14)]\n"
        "print('full', flush=True)\nsys.stdin.read()\n"
    )
    with place.load().of(CLIENTS) as load:
        load.more(CLIENTS)
        began = time.monotonic()
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", fill], **pipes) as filler:
            assert filler.stdout is not None
            assert filler.stdout.readline().strip() == "full"
            load.more(4 * CLIENTS)
            filler.kill()
        after = recovered(load, began)
    assert load.wrong == []
    record_property(HEAD, row("object store full", load, after))


def test_the_job_store_is_locked(place: Place, record_property: Record) -> None:
    with Client(place.server.address) as client:
        client.submit(place.clip).wait(200)
        (store,) = (place.server.folder / "jobs").glob("*.sqlite")
        with sqlite3.connect(store, isolation_level=None) as connection, ThreadPoolExecutor(4) as pool:
            connection.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            sent = [pool.submit(client.submit, place.clip) for _ in range(4)]
            time.sleep(8)
            assert httpx.get(f"{place.server.address}/healthz", timeout=30).status_code == 200
            connection.execute("ROLLBACK")
            jobs = [one.result(timeout=200) for one in sent]
        assert len({job.id for job in jobs}) == 4
        for job in jobs:
            assert compare(job.wait(300).result(), place.wanted) == ""
        waited = time.monotonic() - began
    record_property(HEAD, f"{'job store locked, 8 s':24}{len(jobs):9}{0:9}{waited:11.1f}{'':>15}")


def test_too_many_are_told_so_at_once(place: Place) -> None:
    content = place.clip.read_bytes()

    def ask(_: int) -> tuple[int, float, httpx.Response]:
        began = time.monotonic()
        answer = httpx.post(f"{place.server.address}/v1/predict", files={"file": ("c.mp4", content)}, timeout=300)
        return answer.status_code, time.monotonic() - began, answer

    with ThreadPoolExecutor(160) as pool:
        found = list(pool.map(ask, range(160)))
    refused = [(spent, answer) for status, spent, answer in found if status == 503]
    done = [answer for status, _, answer in found if status == 200]
    assert len(refused) + len(done) == 160
    assert len(done) >= 24
    assert refused
    assert all(int(answer.headers["retry-after"]) >= 1 for _, answer in refused)
    assert all(answer.headers["content-type"] == "application/problem+json" for _, answer in refused)
    assert all(compare(answer.json(), place.wanted) == "" for answer in done)
    slowest = max(spent for status, spent, _ in found if status == 200)
    assert sorted(spent for spent, _ in refused)[len(refused) // 2] < slowest / 2, "refusals waited in the queue"


def test_a_server_that_loses_its_power_goes_on_with_its_jobs(tmp_path: Path) -> None:
    moods = tmp_path / "moods"
    moods.mkdir()
    bundle = make_bundle(tmp_path / "bundle", moods)
    clip = make_clip(tmp_path / "clip.mp4", 3.4)
    wanted = expected(bundle, clip)
    server = Server(bundle, tmp_path, '[graph]\nplacement = "compact"\n[graph.parts.conductor]\nreplicas = 1')
    try:
        server.start()
        with Client(server.address) as client:
            done = client.submit(clip).wait(200)
            (moods / "hang").touch()
            hanging, waiting = client.submit(clip), client.submit(clip)
            end = time.monotonic() + 120
            while hanging.refresh().state != "running":
                assert time.monotonic() < end
                time.sleep(0.1)
        server.kill()
        (moods / "hang").unlink()
        server.start()
        with Client(server.address) as client:
            assert client.job(done.id).state == "done"
            for job in (hanging, waiting):
                again = client.job(job.id).wait(300)
                assert compare(again.result(), wanted) == ""
                assert again.result("csv").count(b"\n") == done_rows(client, done.id)
            assert client.job(hanging.id).document["attempt"] == 2
            assert len(list(client.jobs())) == 3
    finally:
        server.stop()


def done_rows(client: Client, job: str) -> int:
    return int(client.job(job).result("csv").count(b"\n"))
