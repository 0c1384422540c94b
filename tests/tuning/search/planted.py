"""Votes with a known best matrix: for each class one member is informative, and what the others say of it is noise."""

import numpy as np

from tests.golden import softmax
from tuning.search.weights.votes import Votes

PER_CLIP = 20


def plant(seed, *, members=6, labels=8, segments=2000, signal=2.0, weak=()):
    """Return votes, and the best matrix: member c mod M alone for class c.

    Members' scores of a class have the same distribution in every member; the informative one's are those of a single
    good classifier, the others' are the same numbers on other segments. So that matrix restores the classifier, whose
    argmax is the Bayes decision (equal classes, equal Gaussian logits), and nothing in the votes knows more. A row of
    a member does not sum to one, which no search needs. `weak` members know nothing at all.
    """
    rng = np.random.default_rng(seed)
    truth = np.arange(segments) % labels
    rng.shuffle(truth)
    good = softmax(signal * np.eye(labels)[truth] + rng.normal(0, 1, (segments, labels)), axis=1)
    total = members + len(weak)
    scores = np.stack([[rng.permutation(good[:, c]) for c in range(labels)] for _ in range(total)]).transpose(0, 2, 1)
    best = np.zeros((total, labels))
    for c in range(labels):
        scores[c % members, :, c] = good[:, c]
        best[c % members, c] = 1
    one_hot = np.eye(labels, dtype=np.float32)[truth]
    clips = np.arange(segments) // PER_CLIP
    said = np.ones(scores.shape, np.bool_)
    return Votes("distribution", scores.astype(np.float32), said, one_hot, clips, np.zeros_like(clips)), best
