"""Whisper and Parakeet, tiny and untrained: what they write is nonsense, when and under what conditions is not."""

import json
from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise

import numpy as np
import pytest

from modalities.assets import AssetError, MissingAsset
from modalities.cues.speech import Silero
from modalities.cues.transcript.parakeet import Emission, Parakeet, by_durations, by_runs
from modalities.cues.transcript.recognition import Heard, groups, place
from modalities.cues.transcript.whisper import Passage, Told, Whisper, passages
from modalities.types import SECOND
from tests.spoken import joined, listen, say

pytestmark = pytest.mark.slow

ALL = ("en", "de", "es", "fr", "zh")
TINY = {
    "tdt": (Parakeet, {"preset": "tiny"}),
    "ctc": (Parakeet, {"preset": "tiny", "decoder": "ctc"}),
    "whisper": (Whisper, {"preset": "tiny", "languages": ALL}),
}
SAMPLES, SPOKEN = say("I can hardly believe that you came.", "What a wonderful surprise.")


def make(kind, **settings):
    part, usual = TINY[kind]
    return part(part.Config(**{"most_doubt": 1000.0, **usual, **settings}))


def hear(cue, samples=SAMPLES, length=60):
    return listen({"speech": Silero(Silero.Config()), "transcript": cue}, samples, length)["transcript"]


@cache
def words(kind):
    return joined(hear(make(kind))).words


# ------------------------------------------------------------------------------------------------------ the whole cue


@pytest.mark.parametrize("kind", TINY)
def test_words_lie_in_order_inside_their_utterances_with_aligned_times(kind):
    found = words(kind)
    assert len(found) > 3
    for earlier, later in pairwise(found):
        assert earlier.start < earlier.end <= later.start < later.end
    for word in found:
        assert any(start - 0.2 <= word.start / SECOND < word.end / SECOND <= end + 0.8 for start, end in SPOKEN)
        assert word.timing == "aligned"
        assert 0 < word.confidence <= 1
        assert word.text == word.text.strip() != ""


@pytest.mark.parametrize("settings", [{}, {"longest": 1.2}], ids=["closed by silence", "closed by force"])
@pytest.mark.parametrize("kind", TINY)
def test_no_word_depends_on_how_long_stretches_are(kind, settings):
    whole, *others = (joined(hear(make(kind, **settings), length=length)).words for length in (0.37, 2.3, 60))
    assert len(whole) > 3
    assert all(other == whole for other in others)


@pytest.mark.parametrize("kind", TINY)
def test_what_is_doubted_is_absent(kind):
    doubts = [make(kind).recognise(SAMPLES[int(a * 16_000) : int(b * 16_000)]).doubt for a, b in SPOKEN]
    assert min(doubts) > 0
    assert not joined(hear(make(kind, most_doubt=min(doubts) / 2))).words


@pytest.mark.parametrize("kind", TINY)
@pytest.mark.parametrize("size", [1, 100, 3_333])
def test_the_shortest_sound_is_taken(kind, size):
    found = make(kind).recognise(SAMPLES[20_000 : 20_000 + size])
    assert all(0 <= word.when[0] <= word.when[1] <= 0.5 for word in found.words)


@pytest.mark.parametrize("kind", TINY)
def test_a_model_in_its_own_layout_says_the_same(kind, tmp_path):
    for part in make(kind)._network:
        part.save_pretrained(tmp_path)
    found = joined(hear(make(kind, preset=None, name=str(tmp_path)))).words
    assert [replace(word, confidence=0) for word in found] == [replace(word, confidence=0) for word in words(kind)]
    # Weights that lie elsewhere in memory are summed up in another order.
    assert np.allclose([word.confidence for word in found], [word.confidence for word in words(kind)], atol=1e-5)


def test_a_missing_model_is_described(monkeypatch):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    sound, nowhere = SAMPLES[:16_000], "0" * 40
    with pytest.raises(MissingAsset, match=r"parakeet-tdt-0\.6b-v2 \(about 2400 MB, licence CC-BY-4\.0\).*hf download"):
        Parakeet(Parakeet.Config(revision=nowhere)).recognise(sound)
    with pytest.raises(MissingAsset, match=r"whisper-base \(about 290 MB, licence Apache-2\.0\).*hf download"):
        Whisper(Whisper.Config(revision=nowhere)).recognise(sound)


def test_a_model_of_another_kind_is_refused(tmp_path):
    for part in make("tdt")._network:
        part.save_pretrained(tmp_path)
    with pytest.raises(AssetError, match="parakeet_tdt, but whisper is expected"):
        make("whisper", preset=None, name=str(tmp_path)).recognise(SAMPLES)


# ----------------------------------------------------------------------------------------------------------- parakeet


def slow_durations(tokens, durations, scores, blank):
    """Walk through the sound frame by frame, as the decoder did."""
    frame, found = 0, []
    for token, duration, score in zip(tokens, durations, scores, strict=True):
        start = frame
        for _ in range(duration):
            frame += 1
        if token != blank:
            found.append(Emission(token, score, start, frame))
    return found


@pytest.mark.parametrize(
    ("tokens", "durations"),
    [
        ([9, 3, 9, 4, 4, 5], [2, 0, 1, 3, 0, 4]),  # two in one frame, and the same token twice
        ([1, 2, 3], [0, 0, 0]),
        ([9, 9, 9], [4, 4, 1]),
        ([7], [4]),
        ([], []),
    ],
)
def test_durations_lead_from_token_to_token(tokens, durations):
    scores = [-0.5 * number for number in range(len(tokens))]
    found = by_durations(np.array(tokens, int), np.array(durations, int), np.array(scores), blank=9)
    assert found == slow_durations(tokens, durations, scores, blank=9)


def test_drawn_durations_lead_from_token_to_token():
    draw = np.random.default_rng(0)
    tokens, durations, scores = draw.integers(0, 10, 500), draw.integers(0, 5, 500), -draw.random(500)
    expected = slow_durations(tokens.tolist(), durations.tolist(), scores.tolist(), blank=9)
    assert by_durations(tokens, durations, scores, blank=9) == expected


def test_runs_of_a_token_are_one():
    draw = np.random.default_rng(0)
    tokens, scores = draw.integers(0, 3, 500), -draw.random(500)
    expected = []
    for token, frames in groupby(range(500), key=lambda frame: tokens[frame]):
        run = list(frames)
        if token != 2:
            expected.append((token, run[0], run[-1] + 1, np.mean([scores[frame] for frame in run])))
    found = [(one.token, one.first, one.end, one.score) for one in by_runs(tokens, scores, blank=2)]
    assert [one[:3] for one in found] == [one[:3] for one in expected]
    assert np.allclose([one[3] for one in found], [one[3] for one in expected])
    assert by_runs(tokens[:0], scores[:0], blank=2) == []


def spoken(cue, *pieces):
    """Emissions of pieces of words, each with its frames."""
    tokens = cue._network[1].tokenizer
    return [Emission(tokens.convert_tokens_to_ids(text), -0.5, *frames) for text, *frames in pieces]


def test_tokens_are_joined_to_words_and_marks_do_not_lengthen_them():
    cue = make("tdt")
    pieces = ("a", 3, 5), ("t", 5, 7), ("!", 9, 12), ("▁w", 12, 12), (",", 12, 14)
    first, second = cue._join(spoken(cue, *pieces))
    assert (first.text, second.text) == ("at!", "w,")
    assert np.allclose(first.when, (0.24, 0.56))
    assert np.allclose(second.when, (0.96, 1.04))  # a token without duration still takes its frame
    assert first.confidence == pytest.approx(np.exp(-0.5))
    assert cue._join(spoken(cue, ("!", 0, 2))) == ()


def test_how_sure_parakeet_is_belongs_to_the_tokens_it_says():
    """A network that is forced to one token by its bias is certain of it."""
    cue = make("tdt")
    network = cue._network[0]
    network.joint.head.bias.data[5] = 1000.0
    found = cue.recognise(SAMPLES[16_000:32_000])
    assert found.doubt == pytest.approx(0, abs=1e-4)
    network.joint.head.bias.data[network.config.blank_token_id] = 2000.0
    assert cue.recognise(SAMPLES[16_000:32_000]).words == ()


def test_parakeet_that_does_not_come_to_an_end_is_absent():
    cue = make("tdt")
    network = cue._network[0]
    network.joint.head.bias.data[5] = 1000.0
    network.joint.head.bias.data[network.config.vocab_size] = 1000.0  # no duration at all
    assert not cue.recognise(SAMPLES[16_000:24_000]).finished
    assert not joined(hear(cue)).words


# ------------------------------------------------------------------------------------------------------------ whisper

TEXT_END, TIME_START = 100, 110


def moment(seconds):
    return TIME_START + round(seconds / 0.02)


def test_passages_stand_between_times():
    tokens = [moment(0.5), 1, 2, moment(1.5), moment(2), 3, moment(3), 100]
    assert passages(tokens, TEXT_END, TIME_START, 4.0) == [Passage(0.5, 1.5, [1, 2]), Passage(2.0, 3.0, [5])]
    assert passages([1, 105, 2, 100], TEXT_END, TIME_START, 4.0) == [Passage(0.0, 4.0, [0, 2])]
    assert passages([moment(3), 1, moment(1)], TEXT_END, TIME_START, 4.0) == [Passage(3.0, 3.0, [1])]
    assert passages([moment(0), moment(1), 100], TEXT_END, TIME_START, 4.0) == []


def tell(cue, *pieces, times=None):
    """Let Whisper have written these; numbers are times."""
    tokenizer, settings = cue._network[1].tokenizer, cue._network[0].generation_config
    zero = settings.no_timestamps_token_id + 1
    tokens = [
        tokenizer.convert_tokens_to_ids(piece) if isinstance(piece, str) else zero + round(piece / 0.02)
        for piece in pieces
    ]
    return Told([*tokens, settings.eos_token_id], [-0.5] * (len(tokens) + 1), times)


def test_tokens_become_words_where_attention_went():
    cue = make("whisper")
    told = tell(cue, 0.0, "I", "Ġa", "t", ".", 2.0, times=[0, 0.1, 0.5, 0.7, 1.0, 1.2, 1.2])
    one, two = cue._join(told, "en", 2.0)
    assert (one.text, one.when, one.timing) == ("I", (0.1, 0.5), "aligned")
    assert (two.text, two.when, two.timing) == ("at.", (0.5, 1.2), "aligned")


def test_without_heads_that_align_words_are_laid_over_passages():
    cue = make("whisper")
    one, two, three = cue._join(tell(cue, 1.0, "I", "Ġa", 3.0, 5.0, "Ġw", 6.0), "en", 8.0)
    assert (one.when, two.when, three.when) == ((1.0, 2.0), (2.0, 3.0), (5.0, 6.0))
    assert {word.timing for word in (one, two, three)} == {"estimated"}


def test_where_nothing_is_between_words_each_character_is_one():
    cue = make("whisper")
    told = tell(cue, 0.0, "a", "b", "c", 3.0)
    assert [word.text for word in cue._join(told, "en", 3.0)] == ["abc"]
    assert [word.text for word in cue._join(told, "zh", 3.0)] == ["a", "b", "c"]


def edited(folder, *without, **changes):
    """Save tiny Whisper with other settings for generating, and load it."""
    for part in make("whisper")._network:
        part.save_pretrained(folder)
    path = folder / "generation_config.json"
    settings = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in settings.items() if name not in without}))
    return make("whisper", preset=None, name=str(folder))


def test_whisper_without_alignment_goes_all_the_way(tmp_path):
    found = joined(hear(edited(tmp_path, "alignment_heads"))).words
    assert [word.text for word in found] == [word.text for word in words("whisper")]
    assert {word.timing for word in found} == {"estimated"}


def test_whisper_of_one_language_is_told_none(tmp_path):
    cue = edited(tmp_path, "lang_to_id", "task_to_id", is_multilingual=False)
    assert len(joined(hear(cue)).words) > 3


def test_whisper_that_does_not_come_to_an_end_is_absent(tmp_path):
    cue = edited(tmp_path, "exponential_decay_length_penalty")
    found = cue.recognise(SAMPLES[16_000:48_000])
    assert found.words
    assert not found.finished
    assert not joined(hear(cue)).words


def test_a_language_that_is_not_wanted_is_absent():
    sound = SAMPLES[16_000:48_000]
    heard = {language: make("whisper", languages=(language,)).recognise(sound).words for language in ALL}
    (one,) = (language for language in ALL if heard[language])  # the model hears exactly one of them
    told = {language: make("whisper", languages=(), language=language).recognise(sound).words for language in ALL}
    assert told[one] == heard[one]
    assert all(told.values()), "told, it does not listen"


def test_where_nobody_speaks_whisper_doubts():
    cue = make("whisper")
    sound = SAMPLES[16_000:48_000]
    sure = cue.recognise(sound).doubt
    network, doubts = cue._network[0], []
    for sign in (-1, 1):  # one of both makes the token for "nobody speaks" all but certain; it is never written
        pieces, silence = (
            network.model.decoder.embed_tokens.weight,
            network.generation_config.no_timestamps_token_id - 1,
        )
        pieces.data[silence] = sign * 100 * pieces.data[0]
        doubts.append(cue.recognise(sound).doubt)
    assert max(doubts) > sure + 1
    assert min(doubts) == pytest.approx(sure, abs=0.05)


# ------------------------------------------------------------------------------------------------------- recognition


def test_words_are_placed_apart_and_not_before_what_was_complete():
    heard = [(-0.1, 0.1), (0.05, 0.3), (0.3, 0.3), (0.3, 0.2), (0.5, 9.0)]
    found = place([Heard("a", 0.5, when, "aligned") for when in heard], 1_000_000, 1_020_000, 2_000_000)
    assert [(word.start, word.end) for word in found] == [
        (1_020_000, 1_050_000), (1_050_000, 1_300_000), (1_300_000, 1_300_001), (1_300_001, 1_300_002),
        (1_500_000, 2_000_000),
    ]  # fmt: skip
    late = place([Heard("a", 0.5, (5.0, 6.0), "aligned")] * 3, 0, 0, 1_000_000)
    assert [(word.start, word.end) for word in late] == [(999_997 + n, 999_998 + n) for n in range(3)]
    assert place([], 0, 0, 1) == ()


def test_tokens_are_grouped_where_words_begin():
    assert groups([False, False, True, True, False]) == [slice(0, 2), slice(2, 3), slice(3, 5)]
    assert groups([]) == []
