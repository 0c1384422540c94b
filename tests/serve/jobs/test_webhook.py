"""Callbacks: signed, tried again until they are taken, not forgotten by a restart, and only where they may go."""

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serve.client import verify
from serve.jobs.job import Asked, NewJob
from serve.jobs.store import Store
from serve.jobs.webhook import TIMES, Caller
from serve.signature import HEADER, SECRET, sign
from tests.serve.jobs.served import send

PATIENCE = 60.0


class Receiver:
    """A real server that keeps what it is sent and answers one status after the other, the last again and again."""

    def __init__(self, *statuses):
        self.calls, receiver = [], self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((self.headers, body))
                status = statuses[min(len(receiver.calls), len(statuses)) - 1]
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Tests read `calls` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/done?from=twofold"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv(SECRET, "between us")
    return "between us"


@pytest.fixture
def clock():
    return [1_000_000.0]


@pytest.fixture
def store(tmp_path, clock):
    made = Store(tmp_path / "jobs.sqlite", clock=lambda: clock[0])
    yield made
    made.close()


def ended(store, url, name="a"):
    store.add(NewJob(name, "me", f"{name}.mp4", Asked(), name, callback=url), waiting=9)
    job = store.claim(lease=9, attempts=3, at_once=9)
    assert store.finish(job, place="1", files={"json": "a.json"}, degraded={}, seconds=2)


def call(store, *hosts):
    """Make the calls that are due; how many."""
    caller, made = Caller(store, hosts, poll=0.01, pause=1.0), 0

    async def run():
        nonlocal made
        while await caller.step():
            made += 1

    asyncio.run(run())
    return made


def test_whoever_asked_is_called_with_the_job_signed(store, secret):
    with Receiver(204) as receiver:
        ended(store, receiver.url)
        assert call(store, receiver.host) == 1
        assert call(store, receiver.host) == 0
    ((headers, body),) = receiver.calls
    assert verify(secret, sign(secret, body), body)
    assert verify(secret, headers[HEADER], body, now=time.time())
    assert json.loads(body) == store.get("a").document()
    assert json.loads(body)["state"] == "done"
    assert headers["Content-Type"] == "application/json"
    assert store.get("a").call_end == "delivered"


def test_a_call_is_tried_again_later_and_later(store, clock, tmp_path):
    with Receiver(500, 302, 200) as receiver:
        ended(store, receiver.url)
        assert call(store, receiver.host) == 1
        clock[0] += 0.9
        assert call(store, receiver.host) == 0
        clock[0] += 0.2
        again = Store(tmp_path / "jobs.sqlite", clock=lambda: clock[0])  # as after a restart
        assert call(again, receiver.host) == 1
        clock[0] += 1.9
        assert call(again, receiver.host) == 0
        clock[0] += 0.2
        assert call(again, receiver.host) == 1
        assert again.get("a").call_end == "delivered"
        again.close()
        assert len(receiver.calls) == 3


def test_a_call_that_is_never_taken_is_given_up(store, clock):
    with Receiver(404) as receiver:
        ended(store, receiver.url)
        for _ in range(TIMES + 3):
            call(store, receiver.host)
            clock[0] += 5000
    assert len(receiver.calls) == TIMES
    assert store.get("a").call_end == "it answered 404"


@pytest.mark.parametrize("hosts", [(), ("example.org",), ("127.0.0.1",)])
def test_a_host_that_may_not_be_called_is_not(store, hosts):
    with Receiver(200) as receiver:
        ended(store, receiver.url)
        assert call(store, *hosts) == 1
        assert receiver.calls == []
    assert store.get("a").call_end is None


def test_where_nobody_answers_it_is_tried_again(store, clock):
    with Receiver(200) as receiver:
        host, url = receiver.host, receiver.url
    ended(store, url)
    assert call(store, host) == 1
    assert (store.get("a").call_end, store.get("a").calls) == (None, 1)


def test_from_the_upload_to_the_call(start, secret):
    with Receiver(503, 200) as receiver, start({"callbacks": [receiver.host]}) as server:
        server.jobs._caller._pause = 0.05
        job = send(server, fields={"callback_url": receiver.url}, ends=["clip"]).json()
        assert job["callback_url"] == receiver.url
        end = time.monotonic() + PATIENCE
        while server.jobs.store.get(job["id"]).call_end is None:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert len(receiver.calls) == 2
    headers, body = receiver.calls[-1]
    assert verify(secret, headers[HEADER], body)
    assert json.loads(body)["problem"]["detail"] == "the clip says clip"


def test_a_signature_holds_for_its_body_its_secret_and_its_time():
    header = sign("secret", b"body", now=1000)
    assert verify("secret", header, b"body", now=1200)
    assert not verify("secret", header, b"body ", now=1200)
    assert not verify("Secret", header, b"body", now=1200)
    assert not verify("secret", header, b"body", now=1400)
    assert not verify("secret", header, b"body", now=600)
    assert not verify("secret", header.replace("t=1000", "t=1001"), b"body", now=1200)
    assert not verify("", sign("", b"body", now=1000), b"body", now=1000)
    for broken in (None, "", "t=1000", "t=x,v1=y", header + ",v1=", "\n" + header):
        assert not verify("secret", broken, b"body", now=1000)
