"""Prototypes of expressions, and cosines to pairs of them (PFSA)."""

import numpy as np
import pytest

from ensemble.prototypes import prototypes, similarities

FEATURES = np.array([[2, 0], [4, 0], [0, 3], [9, 9], [-5, 5]], np.float32)
TRUTH = np.array([0, 0, 1, 1, 2])
SAID = np.array([0, 0, 1, 0, 1])
AXES = np.eye(3, dtype=np.float32)


def softmax(values):
    powers = np.exp(values)
    return powers / powers.sum(axis=-1, keepdims=True)


def test_a_prototype_is_the_mean_of_what_was_said_right():
    found = prototypes(FEATURES, TRUTH, SAID, classes=4)
    assert found[:2].tolist() == [[3, 0], [0, 3]]
    assert np.isnan(found[2:]).all()


def test_scores_are_a_softmax_of_cosines_to_the_means_of_pairs():
    scores = similarities(np.array([[5, 0, 0], [0, 1, 1]], np.float32), AXES, [(0, 1), (1, 2), (2, 2)], 0.5)
    half = np.sqrt(0.5)
    assert np.allclose(scores, softmax(np.array([[half, 0, 0], [0.5, 1, half]]) / 0.5), atol=1e-6)


def test_only_the_angle_of_a_feature_counts():
    features, pairs = np.array([[1, 2, 3]], np.float32), [(0, 1), (0, 2)]
    assert np.allclose(similarities(features, AXES, pairs, 0.1), similarities(9 * features, AXES, pairs, 0.1))


def test_a_pair_is_the_mean_of_its_two_as_they_are():
    uneven = np.array([[3, 0], [0, 1]], np.float32)
    nearest = np.array([[3, 1]], np.float32)
    assert np.allclose(similarities(nearest, uneven, [(0, 1), (0, 0)], 1.0), softmax(np.array([[1, 3 / np.sqrt(10)]])))


def test_the_colder_the_surer():
    features, pairs = np.array([[2, 1, 0]], np.float32), [(0, 0), (1, 1)]
    warm, cold = (similarities(features, AXES, pairs, temperature)[0, 0] for temperature in (1.0, 0.01))
    assert 0.5 < warm < cold <= 1


def test_what_has_no_prototype_scores_zero():
    lacking = np.array([[1, 0], [0, 1], [np.nan, np.nan]], np.float32)
    features = np.array([[1, 0], [0, 0]], np.float32)
    scores = similarities(features, lacking, [(0, 1), (0, 2), (1, 1)], 0.2)
    assert (scores[:, 1] == 0).all()
    assert np.allclose(scores.sum(axis=1), 1)
    assert np.allclose(scores[1], [0.5, 0, 0.5])
    assert not similarities(features, lacking, [(1, 2)], 0.2).any()


def test_a_temperature_is_above_zero():
    with pytest.raises(ValueError, match="above zero"):
        similarities(FEATURES, AXES[:, :2], [(0, 1)], 0.0)
