import numpy as np
import pytest
from pydantic import ValidationError

from ensemble.mapping import PairSum, normalise
from modalities.labels import ABAW_PAIRS
from tests.checks.mappings import agree, without_compound
from tests.golden import f2, golden, softmax


def pair_sum(**settings):
    return PairSum(PairSum.Config.model_validate({"pairs": dict(ABAW_PAIRS), **settings}))


def test_ppa_is_the_published_one():
    entry = golden("released", "ppa_get_compound_prob")
    rows = softmax(2 * f2(20, 8))
    rows[0] = 1 / 8
    opinions, fused = agree(rows)
    scores, said = pair_sum().compound(opinions, without_compound(fused))
    assert said.all()
    assert np.allclose(scores, entry["output"], atol=1e-6)
    assert scores.argmax(axis=1).tolist() == entry["argmax"]


def test_normalise_divides_what_is_said():
    scores = np.array([[1, 3, 9], [0, 0, 0], [2, 2, 2]], np.float32)
    said = np.array([[True, True, False], [True, True, True], [False, False, False]])
    assert np.allclose(normalise(scores, said), [[0.25, 0.75, 0], [1 / 3] * 3, [1 / 3] * 3])


@pytest.mark.parametrize("share", [-0.1, 1.1, "much"])
def test_a_share_is_between_nothing_and_all(share):
    with pytest.raises(ValidationError):
        pair_sum(spoken_share=share)
