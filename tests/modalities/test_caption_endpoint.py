"""Captions from an endpoint: what is asked of a real server on this machine, how patiently, and what is never told."""

import base64
import io
import logging
import pickle
import threading
import time

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from modalities.assets import AssetError
from modalities.cues.caption.endpoint import EndpointCaption, EndpointError
from modalities.cues.caption.prompts import read_prompt
from modalities.types import FOREVER, SECOND, Frames, Segment
from tests.chat_server import ChatServer, Reply, completion, hashed

KEY = "sk-very-secret-0123456789"
COUNT = 40
TIMES = np.arange(COUNT, dtype=np.int64) * SECOND // 5
SEGMENTS = [Segment(0, 4 * SECOND), Segment(2 * SECOND, 6 * SECOND), Segment(4 * SECOND, 8 * SECOND)]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    for name in ("TWOFOLD_OFFLINE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def shown(size=(40, 30)):
    """Frames that are the brighter the later they come."""
    images = tuple(np.full((size[1], size[0], 3), 20 + 5 * number, np.uint8) for number in range(COUNT))
    return {"frames": Frames(TIMES, images, FOREVER)}


def cue(server, **settings):
    url = server if isinstance(server, str) else server.url
    return EndpointCaption(EndpointCaption.Config(url=url, model="eyes", **settings))


def pictures(request):
    """The images of a request, decoded; everything before the prompt."""
    urls = [part["image_url"]["url"] for part in request.content[:-1]]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def brightness(request):
    """Numbers of the frames of a request, by how bright they are."""
    return [round((np.asarray(picture).mean() - 20) / 5) for picture in pictures(request)]


def failing(reply, **settings):
    """The sentence of a failure, and how often was asked."""
    with ChatServer(reply) as server, pytest.raises(EndpointError) as caught:
        cue(server, **settings).describe(shown(), SEGMENTS[:1])
    assert server.url in str(caught.value)
    return str(caught.value), len(server.requests)


def test_asks_as_the_protocol_says():
    with ChatServer() as server:
        (text,) = cue(server, frames=5, tokens=77, prompt="2").describe(shown(), SEGMENTS[:1])
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert (request.body["model"], request.body["max_tokens"], request.body["temperature"]) == ("eyes", 77, 0)
    assert request.content[-1] == {"type": "text", "text": read_prompt("2")}
    assert brightness(request) == [0, 5, 9, 14, 19]
    assert "Authorization" not in request.headers
    assert text == " ".join(hashed(request).body["choices"][0]["message"]["content"].split())
    assert text.startswith("5 images ")


@pytest.mark.parametrize(("most", "expected"), [(1, [2]), (2, [0, 4]), (3, [0, 2, 4]), (20, [0, 1, 2, 3, 4])])
def test_spreads_frames_evenly_and_shows_none_twice(most, expected):
    with ChatServer() as server:
        cue(server, frames=most).describe(shown(), [Segment(0, SECOND)])
    assert brightness(server.requests[0]) == expected


def test_makes_large_images_smaller():
    with ChatServer() as server:
        cue(server, pixels=30_000).describe(shown((400, 300)), SEGMENTS[:1])
        cue(server, pixels=30_000).describe(shown((40, 30)), SEGMENTS[:1])
    large, small = (pictures(request)[0].size for request in server.requests)
    assert large == (200, 150)
    assert small == (40, 30)


def test_keeps_the_order_of_segments_with_several_under_way():
    together = threading.Barrier(3)

    def reply(request):
        together.wait(timeout=20)  # broken, and the test with it, unless all three are under way
        first = brightness(request)[0]
        time.sleep(0.1 if first == 0 else 0)
        return completion(f"from {first}")

    with ChatServer(reply) as server:
        texts = cue(server, together=3).describe(shown(), [*SEGMENTS, Segment(30 * SECOND, 34 * SECOND)])
    assert texts == ["from 0", "from 10", "from 20", ""]
    assert len(server.requests) == 3


def test_has_no_more_under_way_than_allowed():
    lock, now, most = threading.Lock(), set(), []

    def reply(request):
        with lock:
            now.add(request.number)
            most.append(len(now))
        time.sleep(0.02)
        with lock:
            now.discard(request.number)
        return hashed(request)

    with ChatServer(reply) as server:
        cue(server, together=2).describe(shown(), [*SEGMENTS, *SEGMENTS])
    assert max(most) == 2


def test_asks_again_when_the_endpoint_is_busy():
    def reply(request):
        if request.number < 2:
            return Reply({}, (503, 429)[request.number], {"Retry-After": "0"})
        return completion("at last")

    with ChatServer(reply) as server:
        began = time.monotonic()
        assert cue(server).describe(shown(), SEGMENTS[:1]) == ["at last"]
    assert len(server.requests) == 3
    assert time.monotonic() - began < 1.4, "it said that there is no need to wait"


def test_waits_as_long_as_it_is_told():
    stamps = []

    def reply(request):
        stamps.append(time.monotonic())
        return completion("there") if request.number else Reply({}, 429, {"Retry-After": "0.9"})

    with ChatServer(reply) as server:
        assert cue(server, retries=1).describe(shown(), SEGMENTS[:1]) == ["there"]
    assert stamps[1] - stamps[0] >= 0.9


def test_gives_up_in_a_sentence():
    sentence, asked = failing(lambda _: Reply({}, 503), retries=1)
    assert asked == 2
    assert "asked 2 times" in sentence
    assert "status 503" in sentence
    assert "\n" not in sentence


def test_does_not_wait_for_hours():
    began = time.monotonic()
    _, asked = failing(lambda _: Reply({}, 429, {"Retry-After": "Fri, 31 Dec 2999 23:59:59 GMT"}))
    assert asked == 1
    assert time.monotonic() - began < 5


def test_does_not_ask_again_what_was_refused():
    sentence, asked = failing(lambda _: Reply({"error": {"message": "there is no model eyes"}}, 404))
    assert asked == 1
    assert "status 404 (there is no model eyes)" in sentence


@pytest.mark.parametrize("body", [[], {"choices": []}, {"choices": [{"message": {"content": 3}}]}])
def test_refuses_what_is_no_completion(body):
    sentence, asked = failing(lambda _: Reply(body))
    assert asked == 1
    assert "no chat completion" in sentence


def test_says_that_nobody_answers():
    server = ChatServer()
    server.close()
    with pytest.raises(EndpointError, match=rf"{server.url} .*asked 2 times.*ConnectError.*start the endpoint"):
        cue(server, retries=1).describe(shown(), SEGMENTS[:1])


def test_does_not_wait_longer_than_timeout():
    def reply(_):
        time.sleep(0.6)
        return completion("too late")

    sentence, _ = failing(reply, timeout=0.1, retries=0)
    assert "ReadTimeout" in sentence


def test_an_empty_answer_is_no_caption():
    with ChatServer(lambda _: completion(None)) as server:
        assert cue(server).describe(shown(), SEGMENTS[:1]) == [""]


def test_no_proxy_stands_before_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ChatServer() as server:
        assert cue(server, retries=0).describe(shown(), SEGMENTS[:1]) != [""]
        assert cue(server.url.replace("127.0.0.1", "localhost"), retries=0).describe(shown(), SEGMENTS[:1]) != [""]


# ------------------------------------------------------------------------------------------------------------ the key


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    return {}


def test_sends_the_key_and_keeps_it_nowhere(key, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with ChatServer() as server:
        part = cue(server, **key)
        part.describe(shown(), SEGMENTS)
        part.save(tmp_path / "part")
        kept = [repr(part.config), str(pickle.dumps(part)), *(p.read_text() for p in (tmp_path / "part").iterdir())]
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert not any(KEY in text for text in [*kept, caplog.text])


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_no_sentence_holds_the_key(key, status):
    def reply(request):
        return Reply({"error": {"message": f"I do not like {request.headers['Authorization']}"}}, status)

    sentence, _ = failing(reply, retries=0, **key)
    assert KEY not in sentence
    assert ("OPENAI_API_KEY" in sentence) == (status in (401, 403))


def test_refuses_a_key_that_no_header_may_have(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nX-Other: 1")
    with ChatServer() as server, pytest.raises(EndpointError, match="OPENAI_API_KEY") as caught:
        cue(server).describe(shown(), SEGMENTS[:1])
    assert KEY not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize(
    "settings",
    [{"key_variable": KEY}, {"key": KEY}, {"url": f"http://me:{KEY}@localhost/v1"}, {"url": f"http://a/v1?key={KEY}"}],
    ids=["variable", "unknown", "password", "query"],
)
def test_refuses_a_key_among_settings_without_repeating_it(settings):
    with pytest.raises(ValidationError) as caught:
        EndpointCaption.Config(**{"url": "http://localhost:8000/v1", "model": "eyes", **settings})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://localhost/v1", "http:///v1", ""])
def test_refuses_what_is_no_address(url):
    with pytest.raises(ValidationError, match="http://localhost:8000/v1"):
        EndpointCaption.Config(url=url, model="eyes")


# --------------------------------------------------------------------------------------------------------- being a part


def test_offline_it_opens_no_socket(monkeypatch):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    with ChatServer() as server:
        with pytest.raises(EndpointError, match=f"TWOFOLD_OFFLINE.*{server.url}"):
            cue(server).describe(shown(), SEGMENTS)
        assert cue(server).describe(shown(), [Segment(30 * SECOND, 34 * SECOND)]) == [""]
    assert not server.requests


def test_goes_on_after_it_was_closed_or_moved():
    with ChatServer() as server:
        part = cue(server)
        first = part.describe(shown(), SEGMENTS)
        part.close()
        part.close()
        assert part.describe(shown(), SEGMENTS) == first
        moved = pickle.loads(pickle.dumps(part))  # noqa: S301  our own
        assert vars(moved).keys() == {"config"}
        assert moved.describe(shown(), SEGMENTS) == first
        assert len(set(first)) == len(SEGMENTS), "what differs is told differently"


def test_asks_by_a_text_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text("\nWhat does the face tell?\n")
    with ChatServer() as server:
        monkeypatch.setenv("TWOFOLD_SEND_FRAMES_TO", server.url)
        cue(server, prompt=str(path)).describe(shown(), SEGMENTS[:1])
    assert server.requests[0].content[-1]["text"] == "What does the face tell?"


def test_prompts_are_those_shipped_or_a_file(tmp_path):
    assert read_prompt("1") != read_prompt("2")
    assert all(read_prompt(name).startswith("You are an expert in multimodal emotion") for name in "12")
    assert not any(line.startswith(">") for name in "12" for line in read_prompt(name).splitlines())
    with pytest.raises(AssetError, match=r"no prompt '3'; choose one of 1, 2, or"):
        read_prompt("3")
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(AssetError, match="is empty"):
        read_prompt(str(tmp_path / "empty.txt"))


def test_frames_leave_this_machine_only_where_that_was_allowed(monkeypatch):
    away = cue("http://192.0.2.1:9/v1", retries=0, timeout=0.2)
    with pytest.raises(EndpointError, match=r"sent to http://192.0.2.1:9/v1, which nobody allowed; set TWOFOLD_SEND"):
        away.describe(shown(), SEGMENTS[:1])
    monkeypatch.setenv("TWOFOLD_SEND_FRAMES_TO", "http://example.org/v1 http://192.0.2.1:9/v1/")
    with pytest.raises(EndpointError, match="no connection"):
        away.describe(shown(), SEGMENTS[:1])


def test_another_key_or_a_file_leaves_nowhere_without_consent(monkeypatch, tmp_path):
    monkeypatch.setenv("BANK_PASSWORD", "1234")
    secret = tmp_path / "secret.txt"
    secret.write_text("what nobody else may read")
    with ChatServer() as server:
        for settings in ({"key_variable": "BANK_PASSWORD"}, {"prompt": str(secret)}):
            with pytest.raises(EndpointError, match="nobody allowed"):
                cue(server, **settings).describe(shown(), SEGMENTS[:1])
        assert not server.requests
        monkeypatch.setenv("TWOFOLD_SEND_FRAMES_TO", server.url)
        assert cue(server, key_variable="BANK_PASSWORD").describe(shown(), SEGMENTS[:1]) != [""]
