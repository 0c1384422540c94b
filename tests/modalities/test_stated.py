"""Which label a caption states; the captions are written here, in the ways in which models write them."""

import numpy as np
import pytest

from modalities.cues.caption.prompts import read_prompt
from modalities.encoders.stated import BASIC, COMPOUND, NAMES, Stated, stated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a label of its own at the end is the answer, whatever was said before
        ("The fear in her eyes gives way to joy. Surprise", ["Surprise"]),
        ("The man seems Sadly Angry at first. Neutral.", ["Neutral"]),
        ("She frowns and shows anger. Sadly Angry.", ["Sadly Angry"]),
        ("She frowns.\n\n**Disgust**", ["Disgust"]),
        ("He laughs. Label: Joy", ["Joy"]),
        ("Fear", ["Fear"]),
        # a sentence that says more is no label
        ("He is calm. Then there is fear and sadness.", ["Sadness", "Fear"]),
        # compounds count before the basic names that explain them
        ("Surprise and fear mix: the look is fearfully surprised.", ["Fearfully Surprised"]),
        ("Happily Surprised or Sadly Surprised, with joy.", ["Happily Surprised", "Sadly Surprised"]),
        # otherwise basic names, once each, in any case
        ("a neutral face, NEUTRAL posture", ["Neutral"]),
        ("Joy, then Happiness, then anger", ["Joy", "Anger"]),
        # whole words alone
        ("Her joyful, fearless face is unsurprised; the surprised man is sadly silent.", []),
        ("", []),
        ("...", []),
    ],
)
def test_what_a_caption_states(text, expected):
    assert list(stated(text)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_known_to_the_prompt_and_found(name):
    assert name in read_prompt("2")
    vector = Stated(Stated.Config()).encode([f"The scene is dark. The expression suggests {name.lower()} here."])[0]
    assert vector.tolist() == [float(other == name) for other in NAMES]


def test_shares_sum_to_one_or_nothing():
    vectors = Stated(Stated.Config()).encode(["fear or anger or joy", "sadly angry and fear", "nothing of it"])
    assert vectors.dtype == np.float32
    assert vectors.sum(1).tolist() == pytest.approx([1, 1, 0])
    assert np.count_nonzero(vectors, axis=1).tolist() == [3, 1, 0]


def test_there_are_fourteen_names():
    assert (len(COMPOUND), len(BASIC), len(set(NAMES)), Stated(Stated.Config()).width) == (7, 7, 14, 14)
    assert Stated(Stated.Config()).encode([]).shape == (0, 14)
