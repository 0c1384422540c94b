"""What a camera and a microphone send becomes footage as a file would, whatever the order and size of messages."""

import io

import numpy as np
import pytest
from PIL import Image

from modalities.types import FOREVER, SAMPLE_RATE, SECOND
from serve.live.footage import Incoming, LiveError, picture
from serve.live.inbox import FRAMES, Inbox


def jpeg(light: int, size=(64, 48)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, (light, light, light)).save(content, "JPEG", quality=95)
    return content.getvalue()


def sound(seconds: float, level: int) -> bytes:
    return np.full(round(seconds * SAMPLE_RATE), level, "<i2").tobytes()


def collect(inbox: Inbox, stretch: float = 1.0):
    inbox.end()
    return list(Incoming(inbox, stretch, 3600).footages())


def test_frames_and_sound_lie_where_they_were_sent() -> None:
    inbox = Inbox()
    for number in range(12):
        inbox.put("frame", number * 200_000, jpeg(20 * number))
    for number in range(24):
        inbox.put("sound", number * 100_000, sound(0.1, 1000 * number))
    footages = collect(inbox)
    assert [(f.start, f.end, f.last) for f in footages] == [
        (0, SECOND, False),
        (SECOND, 2 * SECOND, False),
        (2 * SECOND, 2 * SECOND + 400_000, True),
    ]
    times = np.concatenate([f.frames.times for f in footages])
    np.testing.assert_array_equal(times, np.arange(12) * 200_000)
    lights = [image.mean() for f in footages for image in f.frames.images]
    np.testing.assert_allclose(lights, np.arange(12) * 20, atol=2)
    samples = np.concatenate([f.waveform.samples for f in footages])
    np.testing.assert_allclose(samples, np.repeat(np.arange(24) * 1000 / 32768, 1600), atol=1e-6)
    assert [f.waveform.start for f in footages] == [f.start for f in footages]
    assert [f.frames.until for f in footages] == [SECOND, 2 * SECOND, FOREVER]


def test_order_and_size_of_messages_do_not_matter() -> None:
    whole, pieces = Inbox(), Inbox()
    whole.put("sound", 0, np.arange(24_000, dtype="<i2").tobytes())
    parts = [(start, np.arange(start, start + 4000, dtype="<i2").tobytes()) for start in range(0, 24_000, 4000)]
    for start, content in (parts[1], parts[0], *parts[2:]):
        pieces.put("sound", start * SECOND // SAMPLE_RATE, content)
    one, other = ([f.waveform.samples for f in collect(inbox)] for inbox in (whole, pieces))
    np.testing.assert_array_equal(np.concatenate(one), np.concatenate(other))


def test_what_was_not_heard_is_silence_and_surplus_frames_are_not_looked_at() -> None:
    inbox = Inbox()
    inbox.put("sound", 0, sound(0.5, 8000))
    inbox.put("sound", 1_500_000, sound(0.5, 8000))
    for time_of in (0, 50_000, 100_000, 250_000):
        inbox.put("frame", time_of, jpeg(time_of // 1000))
    footages = collect(inbox)
    samples = np.concatenate([f.waveform.samples for f in footages])
    assert len(samples) == 2 * SAMPLE_RATE
    assert not samples[8000:24_000].any()
    assert (samples[:8000] > 0.2).all()
    assert (samples[24_000:] > 0.2).all()
    np.testing.assert_array_equal(footages[0].frames.times, [0, 250_000])


def test_a_camera_that_falls_silent_does_not_hold_the_sound_up() -> None:
    inbox = Inbox()
    inbox.put("frame", 0, jpeg(100))
    inbox.put("sound", 0, sound(1.2, 5000))
    footages = Incoming(inbox, 0.3, 3600).footages()
    assert [(one.start, one.end) for one in (next(footages), next(footages))] == [(0, 300_000), (300_000, 600_000)]
    inbox.put("frame", 650_000, jpeg(100))  # it comes back
    inbox.put("frame", 1_250_000, jpeg(100))
    assert next(footages).frames.times.tolist() == [650_000]
    footages.close()


def test_what_comes_behind_its_time_is_dropped_and_counted() -> None:
    inbox = Inbox()
    inbox.put("frame", 0, jpeg(1))
    inbox.put("frame", 600_000, jpeg(1))
    incoming = Incoming(inbox, 0.5, 3600)
    footages = incoming.footages()
    next(footages)
    inbox.put("frame", 100_000, jpeg(1))
    inbox.end()
    rest = list(footages)
    assert [t for f in rest for t in f.frames.times.tolist()] == [600_000]
    assert incoming.dropped == 1


def test_a_full_inbox_drops_the_oldest_frames_and_keeps_the_sound() -> None:
    inbox = Inbox()
    for number in range(FRAMES + 7):
        inbox.put("frame", number, b"x")
        inbox.put("sound", number, b"yy")
    taken = inbox.take()
    assert taken.dropped == 7
    assert [m.time for m in taken.messages if m.kind == "frame"] == list(range(7, FRAMES + 7))
    assert sum(m.kind == "sound" for m in taken.messages) == FRAMES + 7
    assert not inbox.take().messages


@pytest.mark.parametrize(
    ("kind", "moment", "payload", "says"),
    [
        ("frame", 0, b"no jpeg", "no JPEG that can be read"),
        ("frame", 0, jpeg(1)[:200], "no JPEG that can be read"),
        ("sound", 0, b"odd", "2 bytes per sample"),
        ("frame", 1 << 60, jpeg(1), "from the future"),
        ("sound", 1 << 60, b"yy", "from the future"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(kind, moment, payload, says) -> None:
    inbox = Inbox()
    inbox.put(kind, moment, payload)
    with pytest.raises(LiveError, match=says):
        collect(inbox)


def test_large_frames_are_made_smaller_and_huge_ones_refused() -> None:
    assert picture(jpeg(10, (2600, 1300))).shape == (640, 1280, 3)
    with pytest.raises(LiveError, match="pixels"):
        picture(jpeg(10, (6000, 4000)))
