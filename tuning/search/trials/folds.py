"""Folds: rows are cut by clip, and clips by whom they show where that is known.

What the segments of one clip, or the clips of one person, have in common must not be learnt and judged at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modalities.types import Array
from tuning.members import Known
from tuning.search.error import SearchError


def groups_of(clips: Sequence[Known]) -> tuple[int, ...]:
    """Number the people whom clips show; where all show one, the clips. People of two corpora are others."""
    people = [(known.source, known.clip.subject) for known in clips]
    numbers = {one: number for number, one in enumerate(dict.fromkeys(people))}
    return tuple(numbers[one] for one in people) if len(numbers) > 1 else tuple(range(len(clips)))


def folds(groups: Array, count: int) -> Iterator[tuple[Array, Array]]:
    """Yield rows to learn from and rows to judge on, `count` times; `groups` [S] says which clip or person a row is of.

    Groups are dealt round in the order of their numbers, so the folds depend on nothing else; where there are fewer
    groups than folds, each is one. SearchError for one group.
    """
    numbers, place = np.unique(groups, return_inverse=True)
    count = min(count, len(numbers))
    if count < 2:
        raise SearchError(f"cross-validation needs at least 2 clips, but there is {len(numbers)}; give more")
    for fold in range(count):
        held_out = place % count == fold
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)
