"""What comes in must come: whoever is silent, or drips, does not hold a place for long."""

import asyncio
import time

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect

from serve.http.errors import Problem
from serve.http.forms import clip_name
from serve.http.uploads import arriving


def take(blocks, pause, **limits):
    """Take in blocks that come with pauses between them; `None` never comes."""
    left = iter(blocks)

    async def receive():
        block = next(left, b"")
        if block is None:
            await asyncio.sleep(60)
        await asyncio.sleep(pause)
        if block == "gone":
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": block, "more_body": bool(block)}

    async def run():
        return [data async for data in arriving(Request({"type": "http"}, receive), **limits)]

    return b"".join(asyncio.run(run()))


def test_what_comes_is_taken():
    assert take([b"one", b"two"], 0.0, silence=5, pace=10**6) == b"onetwo"


def test_silence_is_not_waited_for():
    before = time.monotonic()
    with pytest.raises(Problem, match="nothing came") as told:
        take([b"one", None], 0.0, silence=0.1)
    assert told.value.status == 408
    assert time.monotonic() - before < 30


def test_dripping_is_silence():
    with pytest.raises(Problem, match="less than"):
        take([b"x"] * 1000, 0.01, silence=0.2, pace=10_000)


def test_who_goes_is_gone():
    with pytest.raises(ClientDisconnect):
        take([b"one", "gone"], 0.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("talk.mp4", "talk.mp4"),
        ("/srv/clips/talk.mp4", "talk.mp4"),
        ("C:\\clips\\talk.mp4", "talk.mp4"),
        ("..", "clip"),
        ("", "clip"),
        ("a/", "clip"),
        ("ta\x00\x1b\u202elk\ud800.mp4", "talk.mp4"),
        ("Gespräch 時.mp4", "Gespräch 時.mp4"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_are_only_names(given, expected):
    assert clip_name(given) == expected
