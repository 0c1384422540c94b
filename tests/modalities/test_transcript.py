import pickle
from itertools import pairwise

import numpy as np
import pytest

from modalities.cues.speech import Silero
from modalities.cues.transcript import Moonshine, lay
from modalities.types import FOREVER, SECOND, Speech, Waveform
from tests.spoken import joined, listen, say

SENTENCES = ("I can hardly believe that you came.", "What a wonderful surprise.", "Please sit down.")
SAMPLES, SPOKEN = say(*SENTENCES)
LENGTHS = (0.37, 2.3, 60)


def hear(samples, length=60, start=0, **settings):
    cues = {"speech": Silero(Silero.Config()), "transcript": Moonshine(Moonshine.Config(**settings))}
    return listen(cues, samples, length, start)["transcript"]


def plain(text):
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").split()


def errors(said, heard):
    """Words to change, leave out or add (Levenshtein), computed the slow way."""
    if not said or not heard:
        return len(said) + len(heard)
    same = errors(said[1:], heard[1:])
    if said[0] == heard[0]:
        return same
    return 1 + min(same, errors(said[1:], heard), errors(said, heard[1:]))


def test_english_is_understood():
    transcript = joined(hear(SAMPLES))
    said = [plain(sentence) for sentence in SENTENCES]
    heard = [plain(transcript.text(round(a * SECOND), round(b * SECOND))) for a, b in SPOKEN]
    wrong = sum(errors(*pair) for pair in zip(said, heard, strict=True))
    assert wrong <= 0.2 * sum(map(len, said))


def test_words_lie_in_order_inside_speech_with_estimated_times():
    words = joined(hear(SAMPLES)).words
    for earlier, later in pairwise(words):
        assert earlier.start < earlier.end <= later.start
    for word in words:
        assert any(start - 0.15 <= word.start / SECOND and word.end / SECOND <= end + 0.15 for start, end in SPOKEN)
        assert word.timing == "estimated"
        assert 0 < word.confidence <= 1


@pytest.mark.parametrize("settings", [{}, {"longest": 1.2}], ids=["closed by silence", "closed by force"])
def test_no_word_depends_on_how_long_stretches_are(settings):
    whole, *others = (joined(hear(SAMPLES, length, **settings)) for length in LENGTHS)
    assert len(whole.words) > 5
    for other in others:
        assert other.words == whole.words


def test_no_word_begins_before_what_was_complete():
    until = 0
    for percept in hear(SAMPLES, 0.5):
        assert until <= percept.until
        assert all(word.start >= until for word in percept.words)
        until = percept.until
    assert until == FOREVER


def test_an_utterance_without_silence_is_closed_by_force():
    samples, ((start, end),) = say("We are very glad that you came and we hope that you will stay for the evening.")
    percepts = hear(samples, 0.25, longest=2.0)
    behind = [(i + 1) * SECOND // 4 - percept.until for i, percept in enumerate(percepts[:-1])]
    assert end - start > 4
    assert max(behind) <= 3.0 * SECOND  # the utterance, and what the speech cue is behind
    assert sum(bool(percept.words) for percept in percepts) >= 2


def test_times_begin_at_the_first_sound():
    early, late = (joined(hear(SAMPLES, 1, start=start)).words for start in (0, 12_345_678))
    assert [(word.text, word.start + 12_345_678) for word in early] == [(word.text, word.start) for word in late]


def test_other_languages_are_absent():
    german = "Das schwarze Stück Papier befindet sich da oben.", "Heute Abend könnte ich es ihm sagen."
    spanish = ("El perro grande duerme debajo de la mesa.",)
    foreign = [say(*said, speaker=speaker)[0] for speaker, said in (("de", german), ("es", spanish))]
    assert not any(joined(hear(samples)).words for samples in foreign)
    assert any(joined(hear(samples, most_doubt=1000.0)).words for samples in foreign), "so it was heard, but doubted"


def test_a_clip_without_sound_has_no_words():
    cue = Moonshine(Moonshine.Config())
    nothing = {
        "waveform": Waveform(np.zeros(0, np.float32), 0, FOREVER),
        "speech": Speech(np.zeros((0, 2), np.int64), FOREVER),
    }
    percept, _ = cue.perceive(nothing, [], None)
    assert percept.words == ()
    assert percept.until == FOREVER


def test_speech_known_before_its_sound_waits_for_it():
    """A footage may bring ready speech spans that reach beyond its sound."""
    cue, memory, words = Moonshine(Moonshine.Config()), None, []
    spans = (np.array(SPOKEN) * SECOND).astype(np.int64)
    ready = Speech(spans, FOREVER)
    for first in range(0, len(SAMPLES), 8000):
        last = first + 8000 >= len(SAMPLES)
        sound = Waveform(
            SAMPLES[first : first + 8000], first * 125 // 2, FOREVER if last else (first + 8000) * 125 // 2
        )
        percept, memory = cue.perceive({"waveform": sound, "speech": ready}, [], memory)
        ready = Speech(spans[:0], FOREVER)
        words += percept.words
    assert len(words) == pytest.approx(sum(len(sentence.split()) for sentence in SENTENCES), abs=2)


def test_memory_holds_only_the_open_utterance():
    cues = {"speech": Silero(Silero.Config()), "transcript": Moonshine(Moonshine.Config())}
    size = round(SPOKEN[1][0] * 16_000) + 4000  # a quarter of a second into the second sentence
    sound, memory = Waveform(SAMPLES[:size], 0, size * 125 // 2), None
    speech, _ = cues["speech"].perceive({"waveform": sound}, [], None)
    _, memory = cues["transcript"].perceive({"waveform": sound, "speech": speech}, [], memory)
    assert len(pickle.dumps(memory)) < 16_000 * 4


def test_it_listens_to_the_speech_cue_of_its_settings():
    assert Moonshine(Moonshine.Config(speech="voice")).needs == {"waveform": "waveform", "speech": "voice"}


def test_words_are_laid_over_spans_by_their_length():
    spans = np.array([[0, 4_000_000], [10_000_000, 14_000_000]])
    first, second = lay([("abc", 0.9), ("def", 0.5)], spans)
    assert (first.start, first.end, second.end) == (0, 4_000_000, 14_000_000)
    assert [word.end for word in lay([("a", 0.9), ("abcde", 0.9)], spans)] == [2_000_000, 14_000_000]
