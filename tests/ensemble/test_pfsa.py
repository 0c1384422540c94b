"""PFSA: prototypes are learnt from what was judged rightly, and features near to a pair's win."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.mapping import PrototypeSimilarity
from modalities.labels import ABAW_PAIRS, EXPRESSION
from tests.checks.mappings import agree, without_compound

WIDTH = 8


@pytest.fixture
def mapping():
    return PrototypeSimilarity(PrototypeSimilarity.Config(pairs=ABAW_PAIRS))


def seen(classes, wrong=()):
    """Segments of pure expressions; the first member's features point along the class, some are judged wrongly."""
    rows = np.full((len(classes), 8), 0.02)
    rows[np.arange(len(classes)), classes] = 0.86
    for row in wrong:
        rows[row] = np.roll(rows[row], 1)
    opinions, fused = agree(rows)
    features = np.eye(8, WIDTH, dtype=np.float32)[classes]
    return replace(opinions, features={opinions.members[0]: features}), fused


def test_a_face_between_two_prototypes_is_their_compound(mapping):
    classes = np.repeat(np.arange(8), 3)
    opinions, _ = seen(classes)
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[classes]})
    asked, fused = seen(np.zeros(len(ABAW_PAIRS), np.int64))
    features = np.zeros((len(ABAW_PAIRS), WIDTH), np.float32)
    for row, parts in enumerate(ABAW_PAIRS.values()):
        features[row, EXPRESSION.labels.positions(parts)] = 1
    asked = replace(asked, features={asked.members[0]: features})
    scores, said = mapping.compound(asked, without_compound(fused))
    assert scores.argmax(axis=1).tolist() == list(range(7)), "though every member says Neutral"
    assert said.all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)


def test_only_what_was_judged_rightly_makes_prototypes(mapping):
    classes = np.array([1, 1, 2, 2])
    opinions, _ = seen(classes, wrong=(1, 3))
    features = np.array([[1, 0], [9, 9], [0, 1], [9, 9]], np.float32)
    opinions = replace(opinions, features={opinions.members[0]: features})
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[classes]})
    found = mapping.state()[opinions.members[0]]
    assert found[[1, 2]].tolist() == [[1, 0], [0, 1]]
    assert np.isnan(found[[0, 3, 4, 5, 6, 7]]).all()


def test_without_the_member_the_pair_sum_answers(mapping):
    classes = np.repeat(np.arange(8), 2)
    opinions, fused = seen(classes)
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[classes]})
    with_it, _ = mapping.compound(opinions, without_compound(fused))
    without, said = mapping.compound(opinions.without([opinions.members[0]]), without_compound(fused))
    assert not np.allclose(with_it, without)
    assert said.all()
    np.testing.assert_allclose(without.sum(axis=1), 1, atol=1e-5)


def test_prototypes_are_saved_with_the_part(mapping, tmp_path):
    classes = np.repeat(np.arange(8), 2)
    opinions, fused = seen(classes)
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[classes]})
    mapping.save(tmp_path / "pfsa")
    loaded = PrototypeSimilarity.load(tmp_path / "pfsa")
    one, other = (part.compound(opinions, without_compound(fused))[0] for part in (mapping, loaded))
    assert np.array_equal(one, other)


def test_what_no_member_has_a_prototype_of_takes_the_pair_sum(mapping):
    """Fear was never judged rightly on dev, but every member says Fear and Sadness now."""
    classes = np.repeat([0, 1, 2, 4, 5, 6, 7], 2)
    opinions, _ = seen(classes)
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[classes]})
    rows = np.full((1, 8), 0.01)
    rows[0, EXPRESSION.labels.positions(("Fear", "Sadness"))] = 0.47
    asked, fused = agree(rows)
    asked = replace(asked, features={asked.members[0]: np.eye(8, WIDTH, dtype=np.float32)[[3]]})
    scores, said = mapping.compound(asked, without_compound(fused))
    assert said.all()
    assert scores[0, list(ABAW_PAIRS).index("Sadly Fearful")] > 0.3


def test_a_member_that_was_never_right_has_no_prototypes(mapping):
    opinions, fused = seen(np.array([1, 2]), wrong=(0, 1))
    mapping.learn(opinions, {"expression": np.eye(8, dtype=np.float32)[[1, 2]]})
    assert not mapping.state()
    scores, said = mapping.compound(opinions, without_compound(fused))
    assert said.all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
