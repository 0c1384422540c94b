"""`/v1/live` over a real socket: what a film shows comes back while it is still sent, and nothing bad gets in."""

import io
import json
import struct
import time
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from ensemble.recognizer import Recognizer
from modalities.types import SAMPLE_RATE, SECOND
from serve.http.app import make_app
from serve.http.keys import make_key
from serve.http.services import Services
from serve.settings import ServerSettings
from tests import films, toys
from tests.serving import Running

FILM = films.film(3.4)
BEGIN = {"type": "begin", "audio_rate": SAMPLE_RATE}


@pytest.fixture
def start(conductor, tmp_path):
    def started(sessions=1, **http):
        live = {"sessions": sessions, "stretch": 0.5}
        settings = ServerSettings.model_validate({"http": http, "jobs": {"folder": tmp_path}, "live": live})
        return Running(make_app(Services(settings, conductor, live=True)))

    return started


@contextmanager
def open_at(server, begin=BEGIN, **options):
    with connect(f"ws://127.0.0.1:{server.port}/v1/live", open_timeout=30, **options) as socket:
        socket.send(json.dumps(begin))
        yield socket


def message(kind: int, moment: int, payload: bytes) -> bytes:
    return struct.pack(">BQ", kind, moment) + payload


def jpeg(image) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.kron(image, np.ones((8, 8, 1), np.uint8))).save(content, "JPEG", quality=95)
    return content.getvalue()


def send_film(socket) -> None:
    """Send the film as fast as it goes: what is waited for is recognition, not the clock."""
    samples = (FILM.samples * 32767).astype("<i2")
    step = SAMPLE_RATE // 10
    for number in range(0, len(samples), step):
        moment = number * SECOND // SAMPLE_RATE
        socket.send(message(2, moment, samples[number : number + step].tobytes()))
        shown = (FILM.times >= moment) & (FILM.times < moment + SECOND // 10)
        for row in np.flatnonzero(shown).tolist():
            socket.send(message(1, int(FILM.times[row]), jpeg(FILM.images[row])))


def heard(socket, until="end"):
    found = []
    while not found or found[-1]["type"] != until:
        found.append(json.loads(socket.recv(timeout=60)))
    return found


def test_a_film_is_recognised_while_it_is_sent(start) -> None:
    with start() as server, open_at(server) as socket:
        assert json.loads(socket.recv(timeout=30)) == {"type": "ready", "latency": 0.5}
        send_film(socket)
        first = json.loads(socket.recv(timeout=60))
        assert (first["type"], first["start"], first["end"]) == ("stretch", 0.0, 0.5)
        assert first["found"]["ahead"], "the face can be judged, though slower members have not yet"
        assert {name for s in first["found"]["ahead"] for name in s["present"]} >= {"face.static"}
        assert first["latency"] >= 0
        socket.send(json.dumps({"type": "end"}))
        told = [first, *heard(socket)]
    stretches = [one for one in told if one["type"] == "stretch"]
    assert all(one["degraded"] == {} for one in stretches)
    spans = [(s["start"], s["end"], s["track"]) for one in stretches for s in one["found"]["segments"]]
    assert len(set(spans)) == len(spans), "what is final is told once"
    assert max(end for _, end, _ in spans) >= 3.2
    # the same as the film recognised from memory, but for what JPEG and 16 bits take away
    plan = toys.plan()
    with Recognizer(plan) as recognizer:
        pieces = list(recognizer.stream(FILM.stretches(SECOND // 2)))
    wanted = {
        (s.start / SECOND, s.end / SECOND, s.track): scores
        for piece in pieces
        for s, scores in zip(piece.verdict.segments, piece.verdict.scores["expression"], strict=True)
    }
    close = [
        np.abs(np.array(s["scores"]["expression"], float) - wanted[key]).max() < 0.05
        for one in stretches
        for s in one["found"]["segments"]
        if (key := (s["start"], s["end"], s["track"])) in wanted and None not in s["scores"]["expression"]
    ]
    assert len(close) > 15
    assert np.mean(close) > 0.8


@pytest.mark.parametrize(
    ("begin", "says"),
    [
        ({"type": "start"}, "does not fit"),
        ({"type": "begin", "audio_rate": 44100}, "audio_rate"),
        ({"type": "begin", "surprise": 1}, "surprise"),
        ({**BEGIN, "without": ["nobody"]}, "there is no member nobody"),
        ([], "does not fit"),
    ],
)
def test_a_beginning_that_does_not_fit_is_a_sentence(start, begin, says) -> None:
    with start() as server, open_at(server, begin) as socket:
        problem = heard(socket, "problem")[-1]
        assert says in problem["detail"]
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "a binary message is"),
        (b"\x01", "a binary message is"),
        (b"\x07" + bytes(20), "a binary message is"),
        (message(1, 0, b"no jpeg"), "no JPEG"),
        (message(2, 0, b"odd"), "2 bytes per sample"),
        (message(2, (1 << 64) - 1, b"yy"), "from the future"),
        (message(1, 0, bytes(2_100_000)), "at most 2000000"),
        ("hello", "text may only be of type end"),
        ('{"type": "begin"}', "text may only be of type end"),
    ],
)
def test_a_bad_message_ends_the_session_with_a_sentence(start, content, says) -> None:
    with start() as server:
        with open_at(server) as socket:
            socket.send(content)
            problem = heard(socket, "problem")[-1]
            assert says in problem["detail"]
            assert "/" not in problem["detail"]
        with open_at(server) as socket:  # and the next one is served
            assert json.loads(socket.recv(timeout=60))["type"] == "ready"


def test_keys_and_pages_of_others(start, tmp_path) -> None:
    key, line = make_key("ann")
    (tmp_path / "keys.txt").write_text(line + "\n")
    with start(keys=tmp_path / "keys.txt") as server:
        for begin in (BEGIN, {**BEGIN, "key": "wrong"}):
            with open_at(server, begin) as socket:
                assert "key" in heard(socket, "problem")[-1]["detail"]
        with pytest.raises(InvalidStatus, match="403"), open_at(server, origin="https://elsewhere.example"):
            pass
        with open_at(server, {**BEGIN, "key": key}) as socket:
            assert json.loads(socket.recv(timeout=60))["type"] == "ready"


def test_no_more_sessions_than_allowed_and_a_place_is_free_again(start) -> None:
    with start() as server:
        with open_at(server) as first:
            assert json.loads(first.recv(timeout=60))["type"] == "ready"
            with open_at(server) as second:
                assert "more are not allowed" in heard(second, "problem")[-1]["detail"]
        end = time.monotonic() + 30
        while True:
            with open_at(server) as third:
                if json.loads(third.recv(timeout=60))["type"] == "ready":
                    break
            assert time.monotonic() < end, "the place was never free again"
            time.sleep(0.2)
