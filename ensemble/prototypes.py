"""Prototypes: what a member's features look like for each expression, and how near to a pair of them others are.

The paper tells PFSA in words only (RAS §3.7): the prototype of a basic expression is the mean feature of those
validation segments that are classified correctly; that of a compound the mean of its two, brought to length one; scores
are a softmax of cosines over a temperature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modalities.types import Array, Mask, Scores


def prototypes(features: Scores, truth: Array, said: Array, classes: int) -> Scores:
    """Return the mean feature of each class [C, D] over rows that are said right; NaN for a class without any.

    `features` [N, D]; `truth` and `said` [N] are class numbers.
    """
    right = truth == said
    means = np.full((classes, features.shape[1]), np.nan, np.float32)
    for number in np.unique(truth[right]):
        means[number] = features[right & (truth == number)].mean(axis=0)
    return means


def similarities(
    features: Scores, prototypes_CD: Scores, pairs: Sequence[tuple[int, int]], temperature: float
) -> Scores:
    """Return softmax(cosine / temperature) of features [N, D] to the prototypes of pairs of classes: [N, K].

    A pair of a class with itself is the basic expression. One that lacks a prototype scores zero, beside others that
    sum to one (`known` says which have one); where all lack one, every score is zero.
    """
    if temperature <= 0:
        raise ValueError(f"the temperature must be above zero, but is {temperature}")
    of_pairs, there = _of_pairs(prototypes_CD, pairs), known(prototypes_CD, pairs)
    cosines = _unit(features) @ _unit(np.where(there[:, None], of_pairs, 0)).T
    sharp = np.where(there, cosines / temperature, -np.inf)
    highest = sharp.max(axis=1, keepdims=True)
    powers = np.exp(sharp - np.where(np.isfinite(highest), highest, 0))
    total = powers.sum(axis=1, keepdims=True)
    scores: Scores = (powers / np.where(total > 0, total, 1)).astype(np.float32)
    return scores


def known(prototypes_CD: Scores, pairs: Sequence[tuple[int, int]]) -> Mask:
    """Return which pairs have a prototype [K]."""
    return np.asarray(~np.isnan(_of_pairs(prototypes_CD, pairs)).any(axis=1))


def _of_pairs(prototypes_CD: Scores, pairs: Sequence[tuple[int, int]]) -> Scores:
    return np.stack([(prototypes_CD[one] + prototypes_CD[other]) / 2 for one, other in pairs])


def _unit(rows: Scores) -> Scores:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1))
