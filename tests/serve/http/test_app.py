"""The app around the routes: page, headers, other sites, metrics, and that it starts quickly."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time

import pytest

from serve.http.guard import Guard
from serve.http.page import FOLDER
from serve.http.services import Services
from serve.http.spool import sweep
from serve.settings import ServerSettings


def test_the_page_is_served_as_it_is(server):
    index = server.http.get("/")
    assert index.content == (FOLDER / "index.html").read_bytes()
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    policy = index.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    for path in FOLDER.rglob("*.*"):
        file = server.http.get(f"/page/{path.relative_to(FOLDER).as_posix()}")
        assert file.content == path.read_bytes(), path
    again = server.http.get("/", headers={"If-None-Match": index.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.http.head("/").headers["content-length"] == str(len(index.content))


def test_what_the_page_names_is_there(server):
    """And nothing on it is loaded from elsewhere, or stands in the page as script or style."""
    page = server.http.get("/").text
    named = re.findall(r"(?:src|href)=\"([^\"#]+)\"", page)
    assert named
    for name in named:
        assert server.http.get(name).status_code == 200, name
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/v1/models", "/metrics", "/openapi.json"])
def test_every_answer_has_the_headers(path, server):
    headers = server.http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_models_are_told(server):
    told = server.http.get("/v1/models").json()
    assert [member["name"] for member in told["members"]][:2] == ["face.static", "face.attention"]
    assert len(told["labels"]["expression"]) == 8
    assert told["limits"]["upload_bytes"] == 2_000_000
    assert (told["live"], told["jobs"]) == (False, False)
    assert "/tmp" not in json.dumps(told)


def test_metrics_count(start, film):
    with start() as server:
        server.http.post("/v1/predict", files={"file": film.read_bytes()})
        server.http.post("/v1/predict", files={"file": b"no clip"})
        server.http.get("/../etc/passwd")
        page = server.http.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain")
        lines = page.text.splitlines()
        assert 'twofold_requests_total{method="POST",route="/v1/predict",status="200"} 1.0' in lines
        assert 'twofold_requests_total{method="POST",route="/v1/predict",status="422"} 1.0' in lines
        assert 'twofold_requests_total{method="GET",route="other",status="404"} 1.0' in lines
        assert 'twofold_refusals_total{why="clip"} 1.0' in lines
        assert "twofold_requests_in_flight 1.0" in lines
        assert "twofold_predictions_busy 0.0" in lines
        assert "passwd" not in page.text


def test_other_sites_may_not_ask_unless_they_are_named(start, film):
    preflight = {"Origin": "https://good.test", "Access-Control-Request-Method": "POST"}
    with start(origins=["https://good.test"]) as server:
        answer = server.http.options("/v1/predict", headers=preflight)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://good.test"
        assert "access-control-allow-credentials" not in answer.headers
        clip = {"file": film.read_bytes()}
        asked = server.http.post("/v1/predict", files=clip, headers={"Origin": "https://good.test"})
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://good.test"
        refused = server.http.options("/v1/predict", headers={**preflight, "Origin": "https://evil.test"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:twofold:problem:origin")
        evil = server.http.post("/v1/predict", files=clip, headers={"Origin": "https://evil.test"})
        assert evil.status_code == 403
        own = server.http.post("/v1/predict", files=clip, headers={"Origin": server.url})
        assert own.status_code == 200
    with start() as server:
        assert server.http.options("/v1/predict", headers=preflight).status_code == 405


@pytest.mark.parametrize(
    ("origin", "passed"), [(None, True), ("http://here:1", True), ("https://evil.test", False), ("null", False)]
)
def test_pages_of_other_sites_open_no_sockets(origin, passed, tmp_path, conductor):
    """Browsers do not hold them back: CORS is not asked about sockets."""
    reached, sent = [], []

    async def app(*_):
        reached.append(True)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    guard = Guard(app, Services(ServerSettings(), conductor))
    headers = [(b"host", b"here:1"), *([] if origin is None else [(b"origin", origin.encode())])]
    asyncio.run(guard({"type": "websocket", "path": "/v1/live", "headers": headers}, receive, send))
    assert (reached == [True]) is passed
    assert (sent == ["websocket.close"]) is not passed


def test_a_full_disk_is_no_bug(start, film):
    """Here a folder that is gone; the reason stands in the log alone."""
    with start() as server:
        server.uploads.rmdir()
        answer = server.http.post("/v1/predict", files={"file": film.read_bytes()})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:twofold:problem:overload")
        assert int(answer.headers["retry-after"]) == 60
        assert str(server.uploads) not in answer.text
        server.uploads.mkdir()
        assert server.http.post("/v1/predict", files={"file": film.read_bytes()}).status_code == 200


def test_what_was_left_behind_is_swept(tmp_path):
    old, new, other = tmp_path / "now-old", tmp_path / "now-new", tmp_path / "other"
    for path in (old, new, other):
        path.write_bytes(b"x")
    long_ago = time.time() - 1000
    for path in (old, other):
        os.utime(path, (long_ago, long_ago))
    sweep(tmp_path, 500)
    assert sorted(tmp_path.iterdir()) == [new, other]


def test_whoever_answers_http_loads_neither_torch_nor_ray():
    code = "import sys, serve.http.app; print([name for name in ('torch', 'ray', 'numpy') if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"
