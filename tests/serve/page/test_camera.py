"""The camera that Chromium pretends to have: recorded as a clip, watched live, and its sound resampled."""

import io
import json
import re

import httpx
import numpy as np
import pytest
from fastapi import WebSocket
from PIL import Image
from starlette.routing import WebSocketRoute

from serve.http.app import make_app
from serve.http.services import Services
from serve.settings import ServerSettings
from tests.serve.page.browsing import expect, newest, playhead, seen, until
from tests.serving import Running

pytestmark = pytest.mark.slow
UNEVEN = """() => {
    const draw = HTMLCanvasElement.prototype.toBlob;
    let count = 0;
    HTMLCanvasElement.prototype.toBlob = function (give, ...how) {
        const wait = count++ % 2 ? 0 : 300;
        draw.call(this, (blob) => setTimeout(() => give(blob), wait), ...how);
    };
}"""
"""A browser that is busy: a picture may be ready after the next one."""


def test_a_recording_is_a_clip(opened, server):
    page = opened(server.url, permissions=["camera", "microphone"])
    page.get_by_role("button", name="Use the camera").click()
    until(page, "document.getElementById('camera-view').videoWidth > 0")
    page.get_by_role("button", name="Record").click()
    expect(page.locator("#camera-state")).to_have_text("Recording")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop, and look at it").click()
    seen(page)
    _, document = newest(server)
    assert re.fullmatch(r"camera [\d-]+T[\d-]+\.webm", document["clip"]["name"])
    assert document["clip"]["end"] > 0.5
    until(page, "Number.isFinite(document.getElementById('player').duration)")
    page.get_by_role("slider").click(position={"x": 200, "y": 30})
    assert playhead(page) > 0.05


def test_a_camera_is_watched_live(opened, server, conductor, clip, tmp_path):
    """Whoever answers here speaks the protocol and keeps what came; recognition is the server's own test."""
    sent = {"file": (clip.name, clip.read_bytes())}
    document = httpx.post(f"{server.url}/v1/predict", files=sent, timeout=60).json()
    begun, came = [], {1: [], 2: []}

    async def answer(socket: WebSocket) -> None:
        await socket.accept()
        begun.append(await socket.receive_json())
        if len(begun) > 1:
            await socket.send_json({"type": "problem", "detail": "another camera is watched already"})
            await socket.close()
            return
        await socket.send_json({"type": "ready", "latency": 1.0})
        told = 0
        while (message := await socket.receive()).get("bytes"):
            sent = message["bytes"]
            kind, time, payload = sent[0], int.from_bytes(sent[1:9], "big"), sent[9:]
            came[kind].append((time, payload))
            if came[1] and came[2] and time > (told + 1) * 500_000:
                found = {"segments": [one for one in document["segments"] if told <= one["start"] < told + 1]}
                span = {"start": told, "end": told + 1}
                await socket.send_json({"type": "stretch", **span, "found": found, "latency": 0.3, "dropped": 200})
                told += 1
        assert json.loads(message["text"]) == {"type": "end"}
        await socket.send_json({"type": "end"})
        await socket.close()

    settings = ServerSettings.model_validate({"jobs": {"folder": tmp_path}})
    app = make_app(Services(settings, conductor, live=True))
    app.router.routes.insert(0, WebSocketRoute("/v1/live", answer))
    with Running(app) as watcher:
        page = opened(watcher.url, permissions=["camera", "microphone"])
        page.evaluate(UNEVEN)
        page.get_by_role("button", name="Use the camera").click()
        page.get_by_role("button", name="Watch live").click()
        expect(page.locator("#camera-state")).to_have_text(re.compile(r"^Live, 0\.3 s behind, 2\d\d frames left out$"))
        expect(page.locator("#live-room .moment .label")).to_contain_text(document["segments"][0]["top_compound"])
        until(page, "document.querySelectorAll('#live-room canvas').length > 3")
        page.get_by_role("button", name="Stop watching").click()
        expect(page.locator("#camera-state")).to_have_text("Live is over")
        page.get_by_role("button", name="Watch live").click()
        expect(page.locator("#camera-state")).to_have_text("another camera is watched already")
    assert begun[0] == {"type": "begin", "key": None, "audio_rate": 16000}
    for messages in came.values():
        times = [time for time, _ in messages]
        assert times == sorted(times)
        assert times[0] < 30_000_000
    with Image.open(io.BytesIO(came[1][0][1])) as picture:
        assert (picture.format, picture.width) == ("JPEG", 640)
    sound = np.frombuffer(b"".join(payload for _, payload in came[2]), "<i2")
    assert len(sound) == 1600 * len(came[2])
    assert np.abs(sound).max() > 500, "the camera that Chromium pretends to have beeps"


def test_a_camera_is_recognised_live(opened, conductor, tmp_path):
    """From the camera that Chromium pretends to have, over the real socket, to the label on the page."""
    settings = ServerSettings.model_validate({"jobs": {"folder": tmp_path}, "live": {"stretch": 0.5}})
    with Running(make_app(Services(settings, conductor, live=True))) as server:
        page = opened(server.url, permissions=["camera", "microphone"])
        page.get_by_role("button", name="Use the camera").click()
        page.get_by_role("button", name="Watch live").click()
        expect(page.locator("#camera-state")).to_have_text(re.compile(r"^Live, \d+\.\d s behind"), timeout=60_000)
        names = "|".join(conductor.plan.tasks["compound"].labels.names)
        expect(page.locator("#live-room .moment .label")).to_contain_text(re.compile(names), timeout=60_000)
        page.get_by_role("button", name="Stop watching").click()
        expect(page.locator("#camera-state")).to_have_text("Live is over", timeout=60_000)


def test_sound_is_resampled_without_what_does_not_fit(opened, server):
    """48 and 44.1 kHz become 16: a tone of 1 kHz is kept, one of 11 kHz is taken away."""
    heard = opened(server.url).evaluate(
        """async () => {
            const found = [];
            for (const [rate, pitch] of [[48000, 1000], [44100, 1000], [48000, 11000], [16000, 1000]]) {
                const context = new OfflineAudioContext(1, rate, rate), blocks = [];
                await context.audioWorklet.addModule("page/listener.js");
                const tone = new OscillatorNode(context, {frequency: pitch});
                const listener = new AudioWorkletNode(context, "listener", {numberOfOutputs: 0});
                listener.port.onmessage = ({data}) => blocks.push(...data);
                tone.connect(listener);
                tone.start();
                await context.startRendering();
                await new Promise((wait) => setTimeout(wait, 100));
                const middle = blocks.slice(1600, 14400);
                const power = Math.sqrt(middle.reduce((sum, one) => sum + one * one, 0) / middle.length) / 32767;
                const turns = middle.filter((one, at) => at && (one < 0) !== (middle[at - 1] < 0)).length;
                found.push({count: blocks.length, power, pitch: turns / 2 / (middle.length / 16000)});
            }
            return found;
        }"""
    )
    for tone in (heard[0], heard[1], heard[3]):
        assert tone["count"] >= 14400
        assert tone["power"] == pytest.approx(0.5**0.5, abs=0.02)
        assert tone["pitch"] == pytest.approx(1000, abs=5)
    assert heard[2]["power"] < 0.01
