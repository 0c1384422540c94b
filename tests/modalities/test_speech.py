import pickle

import numpy as np
import pydantic
import pytest
from silero_vad import get_speech_timestamps, load_silero_vad

from modalities.cues.speech import STEP, Silero
from modalities.types import FOREVER, SECOND, Speech, Waveform
from tests.spoken import joined, listen, say

SAMPLES, SPOKEN = say("What a wonderful surprise.", "Please sit down.", "I can hardly believe that you came.")
LENGTHS = (0.37, 2.3, 60)


def hear(samples, length=60, start=0, **settings):
    return listen({"speech": Silero(Silero.Config(**settings))}, samples, length, start)["speech"]


def test_spans_are_where_somebody_speaks():
    spans = joined(hear(SAMPLES)).spans / SECOND
    assert spans == pytest.approx(np.array(SPOKEN), abs=0.15)


def test_it_finds_what_the_package_itself_finds():
    spoken = get_speech_timestamps(SAMPLES, load_silero_vad(onnx=True), sampling_rate=16_000)
    expected = np.array([(span["start"], span["end"]) for span in spoken]) / 16_000
    assert joined(hear(SAMPLES)).spans / SECOND == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize(
    "cut", [len(SAMPLES), round((SPOKEN[1][0] + 0.7) * 16_000)], ids=["ends in silence", "ends in speech"]
)
def test_no_span_depends_on_how_long_stretches_are(cut):
    samples = SAMPLES[:cut]
    whole, *others = (joined(hear(samples, length)) for length in LENGTHS)
    assert len(whole.spans) >= 2
    for other in others:
        assert np.array_equal(whole.spans, other.spans)
    assert whole.spans[-1, 1] <= len(samples) * SECOND // 16_000


def test_no_span_begins_before_what_was_complete():
    until = 0
    for percept in hear(SAMPLES, 0.1):
        assert until <= percept.until
        assert (percept.spans[:, 0] >= until).all()
        until = percept.until
    assert until == FOREVER


def test_what_is_complete_lags_by_less_than_half_a_second():
    # A block (0.26 s) that is not full, or speech that is not yet long enough (0.25 s) and its padding.
    behind = [(i + 1) * SECOND // 10 - percept.until for i, percept in enumerate(hear(SAMPLES, 0.1)[:-1])]
    assert max(behind) < 0.6 * SECOND


def test_times_begin_at_the_first_sound():
    early, late = (joined(hear(SAMPLES, 1, start=start)) for start in (0, 12_345_678))
    assert np.array_equal(early.spans + 12_345_678, late.spans)


def test_sound_that_is_no_speech_has_no_spans():
    rng, time = np.random.default_rng(0), np.arange(3 * 16_000) / 16_000
    for sound in (0.05 * rng.standard_normal(len(time)), 0.3 * np.sin(2 * np.pi * 220 * time), np.zeros(len(time))):
        assert not len(joined(hear(sound.astype(np.float32), 1)).spans)


def test_a_clip_without_sound_is_complete_as_far_as_it_goes():
    cue, memory = Silero(Silero.Config()), None
    for until in (SECOND, 2 * SECOND, FOREVER):
        silence = Waveform(np.zeros(0, np.float32), 0, until)
        percept, memory = cue.perceive({"waveform": silence}, [], memory)
        assert isinstance(percept, Speech)
        assert percept.until == until
        assert not len(percept.spans)


def test_memory_is_small_and_can_move():
    cue = Silero(Silero.Config())
    _, memory = cue.perceive({"waveform": Waveform(SAMPLES[:48_001], 0, 3 * SECOND)}, [], None)
    assert len(pickle.dumps(memory)) < 30_000
    rest = {"waveform": Waveform(SAMPLES[48_001:], 3_000_062, FOREVER)}
    here, there = (cue.perceive(rest, [], one)[0] for one in (memory, pickle.loads(pickle.dumps(memory))))  # noqa: S301
    assert np.array_equal(here.spans, there.spans)


def test_speech_must_be_long_enough():
    longest = max(end - start for start, end in SPOKEN)
    assert len(joined(hear(SAMPLES, shortest_speech=longest - 3 * STEP / SECOND)).spans) == 1


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(pydantic.ValidationError, match="half of shortest_silence"):
        Silero.Config(padding=0.2)
