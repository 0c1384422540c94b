"""A clip that is answered at once: the same as on the command line, whole or bit by bit, and nothing stays behind."""

import json

import jsonschema
import pytest

from ensemble.predict import predict
from ensemble.write.document import SCHEMA


@pytest.fixture(scope="module")
def expected(bundle, film, tmp_path_factory):
    """What `twofold predict` writes."""
    out = tmp_path_factory.mktemp("out")
    predict([film], out, bundle)
    return json.loads((out / "film.json").read_text())


def send(server, film, **more):
    with film.open("rb") as clip:
        return server.http.post("/v1/predict", files={"file": ("film.mp4", clip)}, **more)


def alike(one, other):
    """Whether two documents say the same to 1e-5."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1.1e-5
    return one == other


def test_the_document_is_that_of_the_command_line(server, film, expected):
    answer = send(server, film)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert alike(document, expected)
    assert not alike(document, {**expected, "members": []})
    assert list(server.uploads.iterdir()) == []


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
def test_events_come_one_by_one(kind, server, film, expected):
    answer = send(server, film, headers={"Accept": kind})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(kind)
    if kind == "text/event-stream":
        blocks = [block.splitlines() for block in answer.text.strip().split("\n\n")]
        events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
        assert [name for name, _ in blocks] == [f"event: {event['event']}" for event in events]
    else:
        events = [json.loads(line) for line in answer.text.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "begun"
    assert names[-1] == "result"
    assert set(names[1:-1]) == {"stretch"}
    assert len(names) >= 4
    assert alike(events[-1]["document"], expected)
    told = [segment for event in events[1:-1] for segment in event["found"]["segments"]]
    assert alike(told, expected["segments"])
    assert not any("files" in event for event in events)


def test_wishes_are_heard(server, film, bundle, tmp_path):
    wishes = {"without": ["face.static", "text.mean"], "tracks": "all"}
    document = send(server, film, data=wishes).json()
    assert all(not {"face.static", "text.mean"} & set(segment["present"]) for segment in document["segments"])


@pytest.mark.parametrize(
    ("wishes", "word"),
    [
        ({"without": ["nobody"]}, "there is no member nobody"),
        ({"prompt": ["a person crying"]}, "no member can compare"),
        ({"without": ["face.static", "face.attention", "audio.attention", "audio.mean", "text.mean"]}, "every member"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_what_the_bundle_cannot_do_is_said(wishes, word, kind, server, film):
    answer = send(server, film, data=wishes, headers={"Accept": kind})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:twofold:problem:wish"
    assert word in answer.json()["detail"]


def test_a_long_clip_is_a_job(start, film):
    with start(clip_seconds=2.0) as small:
        answer = send(small, film)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:twofold:problem:clip")
        assert "/v1/jobs" in answer.json()["detail"]
        assert list(small.uploads.iterdir()) == []


def test_a_name_is_a_name(server, film):
    name = "../../etc/ev\x07il‮ " + "long" * 100 + ".mp4"
    with film.open("rb") as clip:
        answer = server.http.post("/v1/predict", files={"file": (name, clip)})
    called = answer.json()["clip"]["name"]
    assert len(called) <= 200
    assert "/" not in called
    assert called.isprintable()


def test_who_accepts_several_kinds_gets_what_it_likes_best(server, film):
    answer = send(server, film, headers={"Accept": "application/json;q=0.5, text/event-stream, */*;q=0.1"})
    assert answer.headers["content-type"].startswith("text/event-stream")
