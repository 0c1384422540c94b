"""Where there is more to do than room, or something breaks: who was accepted is served, others are told at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.serve.http.held import Broken, Held
from tests.serve.http.raw import ask, head


def wait_for(what):
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def send(server, film, **more):
    return server.http.post("/v1/predict", files={"file": ("f.mp4", film)}, **more)


def test_whoever_comes_beyond_the_queue_is_told_at_once(start, conductor, film):
    held, clip = Held(conductor), film.read_bytes()
    with start(held, waiting=2) as server, ThreadPoolExecutor(3) as pool:
        alone = [pool.submit(send, server, clip) for _ in range(3)]
        wait_for(lambda: held.begun == 3)
        for _ in range(3):
            before = time.monotonic()
            # Nothing of the body is sent: the answer does not wait for it.
            refused = ask(
                server, head("POST", "/v1/predict", "Content-Type: multipart/form-data; boundary=x", length=99)
            )
            took = time.monotonic() - before
            assert (refused.status, refused.kind) == (503, "overload")
            assert int(refused.headers["retry-after"]) >= 1
            assert took < 10
        metrics = server.http.get("/metrics").text
        assert "twofold_predictions_busy 1.0" in metrics
        assert "twofold_predictions_waiting 2.0" in metrics
        held.let_go.set()
        documents = [future.result().json() for future in alone]
        assert documents[0] == documents[1] == documents[2]
        assert documents[0]["segments"]
        assert send(server, clip).json() == documents[0]
        assert list(server.uploads.iterdir()) == []


def test_too_many_requests_of_any_kind(start, conductor, film):
    held = Held(conductor)
    with start(held, requests=1) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(send, server, film.read_bytes())
        wait_for(lambda: held.begun)
        refused = server.http.get("/v1/models")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:twofold:problem:overload")
        assert server.http.get("/healthz").status_code == 200
        held.let_go.set()
        assert first.result().status_code == 200
        assert server.http.get("/v1/models").status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_who_goes_away_stops_the_work(kind, start, conductor, film):
    held = Held(conductor)
    with start(held) as server:
        gone = threading.Event()

        def leave():
            with pytest.raises(httpx.ReadTimeout):
                server.http.post(
                    "/v1/predict",
                    files={"file": film.read_bytes()},
                    headers={"Accept": kind},
                    timeout=httpx.Timeout(30, read=0.5),
                )
            gone.set()

        thread = threading.Thread(target=leave)
        thread.start()
        wait_for(lambda: held.begun)
        assert gone.wait(30)
        thread.join()
        wait_for(lambda: held.stopped)
        wait_for(lambda: not list(server.uploads.iterdir()))
        wait_for(lambda: 'status="499"' in server.http.get("/metrics").text or kind != "application/json")


def test_what_takes_too_long_ends(start, conductor, film):
    held = Held(conductor)
    with start(held, answer_seconds=0.3) as server:
        whole = send(server, film.read_bytes())
        assert (whole.status_code, whole.json()["type"]) == (504, "urn:twofold:problem:timeout")
        assert "/v1/jobs" in whole.json()["detail"]
        begun, refused = send(server, film.read_bytes(), headers={"Accept": "application/x-ndjson"}).text.splitlines()
        assert '"event":"begun"' in begun
        assert '"event":"refused","why":"timeout"' in refused
        assert held.stopped == 2
        assert list(server.uploads.iterdir()) == []


@pytest.mark.parametrize("how", ["at once", "in the middle", "without a result"])
def test_a_bug_is_one_sentence(how, start, conductor, film):
    with start(Broken(conductor, how)) as server:
        answer = send(server, film.read_bytes())
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:twofold:problem:bug")
        streamed = send(server, film.read_bytes(), headers={"Accept": "text/event-stream"})
        assert (streamed.status_code == 500) == (how == "at once")
        assert '"why":"bug"' in streamed.text or "problem:bug" in streamed.text
        for text in (answer.text, streamed.text):
            assert "secret" not in text
        assert list(server.uploads.iterdir()) == []
        assert 'twofold_refusals_total{why="bug"} 2.0' in server.http.get("/metrics").text


def test_a_performer_that_says_nothing_is_not_ready(start, conductor):
    with start(Broken(conductor, "silent")) as server:
        for path in ("/readyz", "/v1/models"):
            answer = server.http.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:twofold:problem:lost")
            assert "secret" not in answer.text
        assert server.http.get("/healthz").json() == {"alive": True}
