import socket
import sys
from hashlib import blake2b

import numpy as np
import pytest

from modalities.encoders.minilm import MiniLM
from modalities.encoders.ngrams import Ngrams
from modalities.encoders.terms import Terms, ids, pairs, words

SOCKET_EVENTS = ("socket.connect", "socket.getaddrinfo")
TEXTS = ("I am so happy today", "What a joyful moment", "The committee approves the annual budget", "")


@pytest.fixture(scope="module")
def opened():
    """What has asked for a socket or an address since this module began."""
    events = []
    # An audit hook cannot be taken away again, but this one does nothing that a later test could notice.
    sys.addaudithook(lambda event, _: events.append(event) if event in SOCKET_EVENTS else None)
    return events


@pytest.fixture(scope="module")
def minilm(opened):
    return MiniLM(MiniLM.Config())


@pytest.fixture(params=["minilm", "ngrams"])
def encoder(request):
    return Ngrams(Ngrams.Config()) if request.param == "ngrams" else request.getfixturevalue(request.param)


def test_vectors_have_length_one(encoder):
    vectors = encoder.encode(TEXTS[:3])
    assert vectors.shape == (3, encoder.width)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_text_gets_the_same_vector_whatever_stands_beside_it(encoder):
    together = encoder.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        assert encoder.encode([text])[0] == pytest.approx(together[row], abs=1e-6)


def test_nothing_gets_no_vectors_and_an_empty_text_a_finite_one(encoder):
    assert encoder.encode([]).shape == (0, encoder.width)
    assert np.isfinite(encoder.encode([""])).all()


def test_minilm_knows_what_texts_mean(minilm):
    happy, joyful, budget, _ = minilm.encode(TEXTS)
    assert happy @ joyful > happy @ budget + 0.3


def test_ngrams_know_what_texts_share():
    one, near, far = Ngrams(Ngrams.Config()).encode(["He was very angry", "She was very angry!", "Lovely flowers"])
    assert one @ near > 0.6
    assert abs(one @ far) < 0.3


def test_width_of_ngrams_is_a_setting():
    assert Ngrams(Ngrams.Config(width=64)).encode(["a word"]).shape == (1, 64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He shows no joy, only calm.", "he shows no not_joy only calm"),
        ("No signs of anger, fear, or joy. Calm.", "no not_signs not_of not_anger not_fear not_or not_joy calm"),
        ("Not sad but tired", "not not_sad tired"),
    ],
)
def test_a_negation_marks_words_up_to_the_end_of_its_clause(text, expected):
    assert words(text) == expected.split()


def test_pairs_are_of_neighbours_within_a_sentence():
    assert pairs("A warm smile, no frown. Tears.") == ["warm smile", "smile no", "no not_frown"]


def test_terms_tell_a_negated_word_from_the_same_word():
    said, denied, again = Terms(Terms.Config()).encode(["visible joy", "no visible joy", "Visible joy!"])
    assert said.tolist() == again.tolist()
    assert not set(said.flat) & set(denied.flat)


def test_a_term_has_a_step_each_time_it_is_said_and_nothing_has_none():
    one, often, nothing = Terms(Terms.Config()).encode(["joy", "Joy. Joy! joy", "…"])
    assert (one.shape, one.dtype, nothing.shape) == ((1, 1), np.int64, (0, 1))
    assert often.tolist() == 3 * one.tolist()
    assert one >= 0


def test_the_id_of_a_term_is_the_same_everywhere_and_its_own():
    assert ids(["joy"]).tolist() == [[int.from_bytes(blake2b(b"joy", digest_size=8).digest(), "little") >> 1]]
    assert len(np.unique(ids([f"term {number}" for number in range(100_000)]))) == 100_000


def test_minilm_opens_no_socket(minilm, opened):
    minilm.encode(["hello"])
    assert not opened
    socket.getaddrinfo("localhost", None)
    assert opened, "and one would have been seen"
