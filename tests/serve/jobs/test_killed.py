"""Servers of jobs that are killed with SIGKILL: what was accepted is done by another, or after a restart, and once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from serve.client import Client
from serve.jobs.places import Places
from serve.jobs.store import Store

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[3]
PATIENCE = 240.0


class Process:
    """A server that can be killed."""

    def __init__(self, folder, name):
        self.log, self._address = folder / "log", folder / f"{name}.address"
        words = [sys.executable, "-m", "tests.serve.jobs.working", folder / "serve", self.log, self._address]
        with (folder / f"{name}.out").open("wb") as out:
            self._process = subprocess.Popen(list(map(str, words)), cwd=ROOT, stdout=out, stderr=out)

    @property
    def url(self):
        end = time.monotonic() + PATIENCE
        while not self._address.exists():
            assert self._process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        return self._address.read_text()

    def kill(self):
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(60)


@pytest.fixture
def start(tmp_path):
    started = []

    def make(name):
        started.append(Process(tmp_path, name))
        return started[-1]

    yield make
    for process in started:
        process.kill()


def until(happened):
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def clip(folder, number):
    path = folder / f"clip-{number}.mp4"
    path.write_text(json.dumps({"stretches": 40, "pause": 0.05, "number": number}))
    return path


def send_until_gone(url, accepted):
    """Submit one clip after the other until nobody answers."""
    with httpx.Client(base_url=url, timeout=60) as http:
        while True:
            body = {"file": ("more.mp4", json.dumps({"stretches": 2}).encode())}
            try:
                answer = http.post("/v1/jobs", files=body)
            except httpx.TransportError:
                return
            accepted.append(answer.json()["id"])
            time.sleep(0.05)


def test_what_was_accepted_is_done_though_every_server_is_killed_in_the_middle(start, tmp_path):
    first, second = start("first"), start("second")
    store, places = Store(tmp_path / "serve" / "jobs.sqlite"), Places(tmp_path / "serve")
    with Client(first.url) as client:
        second_url = second.url
        jobs = [client.submit(clip(tmp_path, number)).id for number in range(4)]
        until(lambda: store.counts().get("running") == 2 and store.counts().get("queued") == 2)
    until(lambda: any(store.get(job).seconds > 1 for job in jobs))
    first.kill()
    # The second shares the folder: it does what is left, and what the first held once its lease has run out.
    until(lambda: store.counts().get("done", 0) >= 1)
    accepted = []
    sending = threading.Thread(target=send_until_gone, args=(second_url, accepted))
    sending.start()
    until(lambda: len(accepted) >= 10)
    second.kill()
    sending.join(60)
    with Client(start("third").url, patience=PATIENCE) as client:
        for name in [*jobs, *accepted]:
            job = client.job(name).wait(PATIENCE)
            assert job.result() == {"clip": job.document["name"], "prompts": []}
    for name in [*jobs, *accepted]:
        until(lambda name=name: len(list(places.clip(name).parent.iterdir())) == 2)
        assert {path.name for path in places.clip(name).parent.iterdir()} == {"clip", store.get(name).place}
        assert store.get(name).attempt <= 3
    store.close()
