"""Jobs over HTTP, on a real server: accepted, followed, fetched, cancelled, erased; whose they are; no room."""

import json
import sqlite3
import time
from urllib.parse import unquote

import jsonschema
import pytest

from serve.http.keys import make_key
from serve.jobs.schema import JOB, JOBS
from tests.serve.jobs.served import send

pytestmark = pytest.mark.slow

PATIENCE = 60.0
LONG = {"stretches": 100_000, "pause": 0.01}


@pytest.fixture
def server(start):
    with start() as running:
        yield running


def document(server, job):
    found = server.http.get(f"/v1/jobs/{job}").json()
    jsonschema.validate(found, JOB)
    return found


def until(server, job, *states):
    end = time.monotonic() + PATIENCE
    while (found := document(server, job))["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.03)
    return found


def gone(path):
    end = time.monotonic() + PATIENCE
    while path.exists():
        assert time.monotonic() < end, f"{path} is still there"
        time.sleep(0.03)
    return True


def problem(answer, status, kind):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:twofold:problem:{kind}"
    assert str(status) in str(answer.json()["status"])
    return answer.json()["detail"]


def test_a_job_from_the_upload_to_its_result(server):
    answer = send(server, fields={"prompt": ["crying", "laughing"], "without": "text", "tracks": "all"})
    assert answer.status_code == 202
    job = answer.json()
    jsonschema.validate(job, JOB)
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert len(job["id"]) >= 20
    done = until(server, job["id"], "done")
    assert (done["name"], done["tracks"], done["without"]) == ("talk.mp4", "all", ["text"])
    assert done["progress"] == {"seconds": 3, "duration": 3}
    assert done["formats"] == ["csv", "json"]
    result = server.http.get(done["links"]["result"])
    assert result.json() == {"clip": "talk.mp4", "prompts": ["crying", "laughing"]}
    assert result.headers["content-type"] == "application/json"
    table = server.http.get(done["links"]["result"], params={"format": "csv"})
    assert (table.text, table.headers["content-type"]) == ("time\n0\n", "text/csv; charset=utf-8")
    assert unquote(table.headers["content-disposition"]).endswith("result.csv")
    assert server.http.get(done["links"]["result"], headers={"Accept": "text/csv"}).text == table.text
    problem(server.http.get(done["links"]["result"], headers={"Accept": "video/mp4"}), 406, "accept")
    problem(server.http.get(done["links"]["result"], params={"format": "xml"}), 422, "invalid")
    assert "no picture" in problem(
        server.http.get(done["links"]["result"], params={"format": "picture"}), 409, "conflict"
    )


def events(server, job, **headers):
    found = []
    with server.http.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                found.append({"id": value})
            elif name:
                found[-1][name] = json.loads(value) if name == "data" else value
    return found


def test_the_events_of_a_job_end_with_its_end_and_can_be_taken_up_again(server):
    job = send(server, stretches=30, pause=0.05).json()["id"]
    found = events(server, job)
    assert [event["event"] for event in found[:-1]] == ["progress"] * (len(found) - 1)
    assert found[-1]["event"] == "done"
    seconds = [event["data"]["progress"]["seconds"] for event in found]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) >= 3
    assert found[-1]["data"] == document(server, job)
    again = events(server, job, **{"Last-Event-ID": found[0]["id"]})
    assert [event["event"] for event in again] == ["done"]
    over = server.http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": found[-1]["id"]})
    assert (over.status_code, over.content) == (204, b"")


@pytest.mark.parametrize(("clip", "end"), [({"ends": ["clip"]}, "failed"), (LONG, "cancelled")])
def test_other_ends_are_told_too(server, clip, end):
    job = send(server, **clip).json()["id"]
    if end == "cancelled":
        until(server, job, "running")
        server.http.delete(f"/v1/jobs/{job}")
    assert events(server, job)[-1]["event"] == end
    if end == "failed":
        assert document(server, job)["problem"]["detail"] == "the clip says clip"
        assert "the clip says clip" in problem(server.http.get(f"/v1/jobs/{job}/result"), 409, "conflict")


def test_the_same_key_makes_one_job(server):
    once = {"Idempotency-Key": "order-1"}
    first, second = send(server, headers=once), send(server, headers=once)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert "another request" in problem(send(server, headers=once, stretches=7), 422, "invalid")
    assert "another request" in problem(send(server, headers=once, fields={"tracks": "all"}), 422, "invalid")
    assert send(server, headers={"Idempotency-Key": "order-2"}).status_code == 202
    problem(send(server, headers={"Idempotency-Key": "two words"}), 422, "invalid")
    problem(send(server, headers={"Idempotency-Key": "k" * 201}), 422, "invalid")
    assert len(server.http.get("/v1/jobs").json()["jobs"]) == 2


def test_a_job_that_is_not_done_has_no_result_and_cancelling_erases_it(server):
    job = send(server, **LONG).json()["id"]
    until(server, job, "running")
    answer = server.http.get(f"/v1/jobs/{job}/result")
    assert "running" in problem(answer, 409, "conflict")
    assert answer.headers["retry-after"]
    assert [server.http.delete(f"/v1/jobs/{job}").status_code for _ in range(2)] == [204, 204]
    found = document(server, job)
    assert (found["state"], found["name"], found["formats"]) == ("cancelled", "", [])
    problem(server.http.get(f"/v1/jobs/{job}/result"), 410, "gone")
    assert gone(server.folder / "jobs" / job)
    assert not list((server.folder / "uploads").iterdir())


def test_a_result_is_erased_by_hand_or_once_it_was_fetched(server):
    kept, once = send(server).json()["id"], send(server, fields={"erase": "true"}).json()["id"]
    for job in (kept, once):
        until(server, job, "done")
        assert server.http.get(f"/v1/jobs/{job}/result").json()["clip"] == "talk.mp4"
    assert gone(server.folder / "jobs" / once)
    problem(server.http.get(f"/v1/jobs/{once}/result"), 410, "gone")
    assert document(server, once)["erased"]
    assert server.http.get(f"/v1/jobs/{kept}/result").status_code == 200
    assert server.http.delete(f"/v1/jobs/{kept}").status_code == 204
    problem(server.http.get(f"/v1/jobs/{kept}/result"), 410, "gone")
    assert document(server, kept)["state"] == "done"


def test_the_list_goes_on_page_by_page(server):
    ids = [send(server).json()["id"] for _ in range(5)]
    found, following = [], "/v1/jobs?limit=2"
    while following:
        page = server.http.get(following).json()
        jsonschema.validate(page, JOBS)
        found += [job["id"] for job in page["jobs"]]
        following = page["next"]
    assert found == ids[::-1]
    problem(server.http.get("/v1/jobs", params={"after": "unknown"}), 422, "invalid")
    problem(server.http.get("/v1/jobs", params={"limit": 0}), 422, "invalid")


def test_a_job_of_somebody_else_is_not_there(start, tmp_path):
    made = dict(make_key(name) for name in ("mine", "yours"))
    (tmp_path / "keys.txt").write_text("\n".join(made.values()))
    mine, yours = ({"X-API-Key": key} for key in made)
    with start({"keys": tmp_path / "keys.txt"}) as server:
        problem(send(server), 401, "key")
        once = {"Idempotency-Key": "same"}
        job, other = (send(server, headers=owner | once).json()["id"] for owner in (mine, yours))
        assert job != other
        for way in ("", "/events", "/result"):
            problem(server.http.get(f"/v1/jobs/{job}{way}", headers=yours), 404, "missing")
            assert server.http.get(f"/v1/jobs/{job}{way}", headers=mine).status_code in (200, 409)
        problem(server.http.delete(f"/v1/jobs/{job}", headers=yours), 404, "missing")
        assert [one["id"] for one in server.http.get("/v1/jobs", headers=yours).json()["jobs"]] == [other]
        problem(server.http.get("/v1/jobs", headers=yours, params={"after": job}), 422, "invalid")


def test_with_a_full_queue_no_clip_is_taken(start):
    with start(waiting=2, at_once=1) as server:
        once = {"Idempotency-Key": "k"}
        until(server, send(server, **LONG).json()["id"], "running")
        waiting = [send(server, headers=once).json()["id"], send(server).json()["id"]]
        answer = send(server)
        assert "2 jobs wait already" in problem(answer, 503, "overload")
        assert int(answer.headers["retry-after"]) > 0
        assert send(server, headers=once).json()["id"] == waiting[0]  # it was accepted before
        assert [document(server, job)["state"] for job in waiting] == ["queued", "queued"]
        assert not list((server.folder / "uploads").iterdir())
        metrics = server.http.get("/metrics").text
        assert 'twofold_jobs{state="queued"} 2.0' in metrics


def test_a_locked_store_is_a_503_and_no_job_is_lost_or_half_there(start):
    with start() as server:
        server.jobs.store._patience = 0.5
        done = send(server).json()["id"]
        until(server, done, "done")
        held = sqlite3.connect(server.folder / "jobs.sqlite", isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
        answer = send(server)
        assert "come again" in problem(answer, 503, "overload")
        assert answer.headers["retry-after"]
        problem(server.http.delete(f"/v1/jobs/{done}"), 503, "overload")
        assert server.http.get(f"/v1/jobs/{done}/result").status_code == 200
        held.execute("ROLLBACK")
        held.close()
        assert [path.name for path in (server.folder / "jobs").iterdir()] == [done]
        assert send(server).status_code == 202


def test_jobs_outlive_a_restart(start):
    with start(at_once=1) as server:
        running, queued = (send(server, **clip).json()["id"] for clip in ({"stretches": 40, "pause": 0.05}, {}))
        until(server, running, "running")
    with start(at_once=1) as server:
        assert [until(server, job, "done")["attempt"] for job in (running, queued)] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "kind", "said"),
    [
        ({"callback_url": "https://example.org/"}, "url", "not among the hosts"),
        ({"callback_url": "file:///etc/passwd"}, "url", "begins with https"),
        ({"callback_url": "https://hooks.example.com/"}, "url", "no secret to sign with"),
        ({"callback": "https://hooks.example.com/"}, "invalid", "callback"),
        ({"erase": "perhaps"}, "invalid", "erase"),
    ],
)
def test_bad_wishes_are_refused_and_leave_nothing(shared, monkeypatch, fields, kind, said):
    monkeypatch.delenv("TWOFOLD_WEBHOOK_SECRET", raising=False)
    assert said in problem(send(shared, fields=fields), 422, kind)
    assert not list((shared.folder / "uploads").iterdir())
    assert shared.http.get("/v1/jobs").json() == {"jobs": [], "next": None}


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/jobs/unknown", 404, "missing"),
        ("GET", "/v1/jobs/..%2f..%2fetc%2fpasswd/result", 404, "missing"),
        ("GET", "/v1/jobs/%00%ff/events", 404, "missing"),
        ("DELETE", "/v1/jobs/' OR 1=1 --", 404, "missing"),
        ("PUT", "/v1/jobs", 405, "method"),
        ("POST", "/v1/jobs", 415, "media"),
    ],
)
def test_what_is_not_there_is_a_problem(shared, method, path, status, kind):
    problem(shared.http.request(method, path), status, kind)
