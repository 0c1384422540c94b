import numpy as np
import pytest

from modalities import moonshine
from modalities.encoders.moonshine import MoonshineEncoder
from modalities.encoders.prosody import HOP, ProsodyEncoder, average, contour, measure
from modalities.types import SECOND
from tests.spoken import say

TIME = np.arange(2 * 16_000) / 16_000
ENCODERS = (ProsodyEncoder, MoonshineEncoder)
PITCH, LOUDNESS, BRIGHTNESS = slice(48, 53), slice(53, 58), slice(58, 63)  # contours in the summary of each step


def voice(pitch, loud=0.3):
    """A voice-like sound: a pulse train [N] whose pitch may change."""
    phase = np.cumsum(np.broadcast_to(pitch, TIME.shape)) / 16_000
    return (loud * (2 * (phase % 1) - 1)).astype(np.float32)


@pytest.fixture(scope="module")
def spoken():
    return say("What a wonderful surprise.", pause=0.3)[0]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_ten_steps_per_second_in_the_middle_of_their_tenths(encoder, spoken):
    made = encoder(encoder.Config())
    steps = made.encode(spoken)
    assert steps.shape == (len(spoken) // 1600, made.width)
    assert steps.dtype == np.float32
    assert made.times(3).tolist() == [SECOND // 20, 3 * SECOND // 20, 5 * SECOND // 20]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("length", [0, 1, 160, 400, 1599, 5000])
def test_short_and_silent_sound_is_finite(encoder, length, spoken):
    made = encoder(encoder.Config())
    for sound in (np.zeros(length, np.float32), spoken[8000 : 8000 + length], np.ones(length, np.float32)):
        steps = made.encode(sound)
        assert steps.shape == (max(1, length // 1600), made.width)
        assert np.isfinite(steps).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_same_sound_gets_the_same_steps(encoder, spoken):
    first, second = (encoder(encoder.Config()).encode(spoken) for _ in range(2))
    assert np.array_equal(first, second)


def test_steps_per_second_are_a_setting(spoken):
    for rate in (5, 20):
        made = ProsodyEncoder(ProsodyEncoder.Config(rate=rate))
        steps = made.encode(spoken)
        assert len(steps) == len(spoken) * rate // 16_000
        assert made.times(len(steps))[-1] < len(spoken) * SECOND / 16_000


def test_moonshine_stands_before_prosody(spoken):
    both, prosody = (encoder(encoder.Config()).encode(spoken) for encoder in (MoonshineEncoder, ProsodyEncoder))
    assert np.array_equal(both[:, moonshine.WIDTH :], prosody)
    assert np.abs(np.diff(both[:, : moonshine.WIDTH], axis=0)).max() > 0.1


def test_moonshine_steps_lie_where_their_sound_is():
    """A click changes the step whose middle is nearest more than any other."""
    quiet = np.zeros(16_000, np.float32)
    click = quiet.copy()
    place = int(moonshine.middles(21)[20])
    click[place - 20 : place + 20] = 0.5
    change = np.abs(moonshine.encode(click) - moonshine.encode(quiet)).sum(axis=1)
    assert abs(int(change.argmax()) - 20) <= 2
    assert len(change) == 1 + (16_000 - moonshine.SHORTEST) // moonshine.HOP


@pytest.mark.parametrize("hertz", [90, 200, 400])
def test_pitch_is_heard(hertz):
    found = measure(voice(hertz))
    assert found.voiced.mean() > 0.95
    assert np.median(found.pitch) == pytest.approx(12 * np.log2(hertz / 100), abs=0.3)


def test_noise_and_silence_have_no_voice():
    noise = (0.1 * np.random.default_rng(0).standard_normal(len(TIME))).astype(np.float32)
    for sound in (noise, 0 * noise):
        assert measure(sound).voiced.mean() < 0.05


def test_speech_is_voiced_in_part(spoken):
    assert 0.2 < measure(spoken).voiced.mean() < 0.9


def test_a_rising_voice_has_a_rising_contour():
    rising, falling = (
        ProsodyEncoder(ProsodyEncoder.Config()).encode(voice(200 * 2 ** (sign * (TIME / 2 - 0.5)))) for sign in (1, -1)
    )
    mean, spread, span, slope, _ = rising[0, PITCH]
    assert mean == pytest.approx(12, abs=0.5)
    assert (spread, span, slope) == pytest.approx((12 / np.sqrt(12), 0.9 * 12, 6), rel=0.1)
    assert falling[0, PITCH][3] == pytest.approx(-6, rel=0.1)
    assert rising[-1, 1] > 4 > -4 > rising[0, 1], "steps hold the pitch relative to its median"


def test_a_louder_voice_is_louder_by_its_decibels():
    quiet, loud = (ProsodyEncoder(ProsodyEncoder.Config()).encode(voice(150, level))[0] for level in (0.05, 0.5))
    assert loud[LOUDNESS][0] - quiet[LOUDNESS][0] == pytest.approx(20, abs=0.5)
    assert loud[BRIGHTNESS][0] == pytest.approx(quiet[BRIGHTNESS][0], rel=0.05)


def test_contour_of_a_line_that_is_known():
    line = 3 + 2 * np.arange(100) * HOP / 16_000  # two per second
    heard = np.ones(100, np.bool_)
    mean, _, span, slope, unsteadiness = contour(line, heard)
    assert (mean, slope, unsteadiness) == pytest.approx((line.mean(), 2, 0.02))
    assert span == pytest.approx(0.9 * (line[-1] - line[0]))
    assert contour(line[:1], heard[:1]).tolist() == [3, 0, 0, 0, 0]


def test_average_takes_what_lies_in_a_span_and_the_next_where_nothing_does():
    values, middles = np.array([[1.0], [3.0], [10.0], [20.0]]), np.array([0, 90, 250, 350])
    assert average(values, middles, 3, 100.0).ravel().tolist() == [2, 10, 15]
    assert average(values[:1], middles[:1], 3, 100.0).ravel().tolist() == [1, 1, 1]
