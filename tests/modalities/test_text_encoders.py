import socket
import sys

import numpy as np
import pytest

from modalities.encoders.minilm import MiniLM
from modalities.encoders.ngrams import Ngrams

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
    return request.getfixturevalue("minilm") if request.param == "minilm" else Ngrams(Ngrams.Config())


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


def test_minilm_opens_no_socket(minilm, opened):
    minilm.encode(["hello"])
    assert not opened
    socket.getaddrinfo("localhost", None)
    assert opened, "and one would have been seen"
