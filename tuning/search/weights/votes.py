"""What members say about segments whose truth is known: all that a search of fusion weights looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modalities.labels import Kind
from modalities.types import Array, Mask, Scores


@dataclass(frozen=True, slots=True)
class Votes:
    """The say of M members about C labels of one task on S segments."""

    kind: Kind
    scores: Scores
    """[M, S, C]; any finite number where nothing is said."""
    said: Mask
    """[M, S, C]"""
    truth: Scores
    """[S, C]; NaN where not known."""
    clips: Array
    """[S], which clip a segment is of; clips of two corpora have different numbers."""
    corpora: Array
    """[S], which corpus."""

    def __post_init__(self) -> None:
        shape = self.scores.shape
        fits = len(shape) == 3 and self.said.shape == shape and self.truth.shape == shape[1:]
        if not fits or self.clips.shape != shape[1:2] or self.corpora.shape != shape[1:2]:
            given = ", ".join(str(a.shape) for a in (self.scores, self.said, self.truth, self.clips, self.corpora))
            raise ValueError(
                f"votes are scores and said [M, S, C], truth [S, C], clips [S] and corpora [S]; given {given}"
            )
        if not np.isfinite(self.scores).all():
            raise ValueError("votes hold scores that are not finite; fill what is not said with 0")

    def take(self, rows: Array) -> Votes:
        """Return some segments, by number or by a mask."""
        return replace(
            self,
            scores=self.scores[:, rows],
            said=self.said[:, rows],
            truth=self.truth[rows],
            clips=self.clips[rows],
            corpora=self.corpora[rows],
        )

    def draw(self, rng: np.random.Generator) -> Votes:
        """Draw whole clips with replacement, as many as there are."""
        names, place = np.unique(self.clips, return_inverse=True)
        rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
        return self.take(np.concatenate([rows[clip] for clip in rng.integers(len(names), size=len(names))]))
