"""The timeline: what a clip shows, per video frame and per segment, and who contributed what.

`spread` brings segments onto frames: a frame takes the mean of the segments that cover it, class by class, over those
that say the class. Nothing is ever filled across clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ensemble.matches import Matches
from ensemble.opinions import BLOCK, Opinions, bounds, overlapping
from ensemble.tracks import NOBODY, Sightings
from modalities.labels import Task
from modalities.types import Array, Captions, Mask, Microseconds, Scores, Segment, Speech, Times, Transcript, join_all


def covering(segments: Sequence[Segment], times: Times, tracks: Times) -> Mask:
    """Return which segments a frame takes its scores from: [F, S].

    Those that cover it and are about its track; of a cell in which that track was not seen, the segment about nobody.
    """
    start, end, about = bounds(segments)
    cover_FS = (start[None, :] <= times[:, None]) & (times[:, None] < end[None, :])
    own_FS = cover_FS & (about[None, :] == tracks[:, None])
    _, cell_S = np.unique(np.stack([start, end]), axis=1, return_inverse=True)
    cell_S = cell_S.reshape(-1)
    has_FX = np.zeros((len(times), int(cell_S.max(initial=-1)) + 1), np.bool_)
    row, column = np.nonzero(own_FS)
    has_FX[row, cell_S[column]] = True
    chosen_FS: Mask = own_FS | (cover_FS & (about == NOBODY)[None, :] & ~has_FX[:, cell_S])
    return chosen_FS


def spread(cover_FS: Mask, values: Array, said: Mask) -> Scores:
    """Average segments [S, …] onto frames [F, …] over those that cover a frame and are said; NaN where none is."""
    flat = (len(values), int(np.prod(values.shape[1:])))  # said aloud, for −1 cannot be told of no segments
    kept = np.where(said, values, 0).reshape(flat).astype(np.float64)
    weight = cover_FS.astype(np.float64)
    count = weight @ said.reshape(flat).astype(np.float64)
    mean = np.where(count > 0, weight @ kept / np.maximum(count, 1), np.nan)
    return mean.reshape(len(cover_FS), *values.shape[1:]).astype(np.float32)


def shares(scores: Scores) -> Scores:
    """Divide each row [S, C] by the sum of what is said; NaN where nothing is."""
    total = np.nansum(scores, axis=1, keepdims=True)
    return np.where(total > 0, scores / np.where(total > 0, total, 1), np.nan).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Rows:
    """One row per video frame (and, where asked for, per further track). NaN = nobody says it."""

    times: Times  # [F]
    tracks: Times  # [F], NOBODY where nobody is in view
    scores: Mapping[str, Scores]  # task → [F, C]; compound as raw scores
    contributions: Scores  # [F, M] to the row's own winning compound

    @property
    def compound_probability(self) -> Scores:
        """Compound scores as a distribution per row [F, K]; NaN where there are none."""
        return shares(self.scores["compound"])

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """Put rows one after the other; at least one part."""
        return cls(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.tracks for part in parts]),
            {task: np.concatenate([part.scores[task] for part in parts]) for task in parts[0].scores},
            np.concatenate([part.contributions for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """Rows whose winner is not chosen yet. NaN = nobody says it."""

    times: Times  # [F], rising
    tracks: Times  # [F]
    scores: Mapping[str, Scores]  # task → [F, C]
    contributions: Scores  # [F, M, K]

    def settle(self) -> Rows:
        """Choose winners: a row shows its members' contributions to its own."""
        winner_F = np.argmax(np.nan_to_num(self.scores["compound"], nan=-np.inf), axis=1)
        chosen_FM = self.contributions[np.arange(len(self.times)), :, winner_F]
        return Rows(self.times, self.tracks, self.scores, chosen_FM)

    def take(self, rows: Array | slice) -> Draft:
        """Keep some rows."""
        scores = {task: values[rows] for task, values in self.scores.items()}
        return Draft(self.times[rows], self.tracks[rows], scores, self.contributions[rows])

    @classmethod
    def join(cls, parts: Sequence[Draft]) -> Draft:
        """Put drafts one after the other; at least one part."""
        return cls(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.tracks for part in parts]),
            {task: np.concatenate([part.scores[task] for part in parts]) for task in parts[0].scores},
            np.concatenate([part.contributions for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an ensemble says about segments: fused, mapped and explained."""

    opinions: Opinions
    scores: Mapping[str, Scores]  # task → [S, C]
    said: Mapping[str, Mask]  # task → [S, C]
    contributions: Scores  # [M, S, K]: p − p without m

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What it is about."""
        return self.opinions.segments

    @classmethod
    def join(cls, parts: Sequence[Verdict]) -> Verdict:
        """Put verdicts one after the other; at least one part."""
        return cls(
            Opinions.join([part.opinions for part in parts]),
            {task: np.concatenate([part.scores[task] for part in parts]) for task in parts[0].scores},
            {task: np.concatenate([part.said[task] for part in parts]) for task in parts[0].said},
            np.concatenate([part.contributions for part in parts], axis=1),
        )

    def rows(self, times: Times, tracks: Times) -> Rows:
        """Spread onto video frames (rising); a row shows its members' contributions to its own winner."""
        return self.draft(times, tracks).settle()

    def draft(self, times: Times, tracks: Times) -> Draft:
        """Spread onto video frames (rising)."""
        where = bounds(self.segments)
        blocks: list[Draft] = []
        for first in range(0, max(len(times), 1), BLOCK):
            block = slice(first, first + BLOCK)
            span = (int(times[block][0]), int(times[block][-1]) + 1) if len(times) else (0, 0)
            blocks.append(self._block(overlapping(where, *span), times[block], tracks[block]))
        return Draft.join(blocks)

    def _block(self, here: Array, times: Times, tracks: Times) -> Draft:
        """Rows that only some of the segments can cover."""
        cover_FS = covering([self.segments[row] for row in here], times, tracks)
        scores = {task: spread(cover_FS, values[here], self.said[task][here]) for task, values in self.scores.items()}
        said_SK = self.said["compound"][here]
        shares_SMK = self.contributions[:, here].transpose(1, 0, 2)
        spread_FMK = spread(cover_FS, shares_SMK, np.broadcast_to(said_SK[:, None, :], shares_SMK.shape))
        return Draft(times, tracks, scores, spread_FMK)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The result for a clip, or for a piece of it as it is ready; pieces join to the whole."""

    clip: str
    start: Microseconds
    end: Microseconds
    tasks: Mapping[str, Task]
    members: tuple[str, ...]
    rows: Rows
    verdict: Verdict
    sightings: Sightings
    speech: Speech | None
    transcript: Transcript | None
    captions: Captions | None = None
    problems: tuple[str, ...] = ()
    matches: Matches | None = None
    """What was asked with texts of the request's own, and the answers."""
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Members that were lost on the way → why; they are absent from there on."""
    ahead: Verdict | None = None
    """Of a piece, where that was wished: segments that are not final, judged by those who could. Never joined."""

    @classmethod
    def join(cls, parts: Sequence[Timeline]) -> Timeline:
        """Put the pieces of one clip together; at least one."""
        first, last = parts[0], parts[-1]
        return cls(
            first.clip,
            first.start,
            last.end,
            first.tasks,
            first.members,
            Rows.join([part.rows for part in parts]),
            Verdict.join([part.verdict for part in parts]),
            Sightings.join([part.sightings for part in parts]),
            join_all(part.speech for part in parts),
            join_all(part.transcript for part in parts),
            join_all(part.captions for part in parts),
            tuple(problem for part in parts for problem in part.problems),
            Matches.join([part.matches for part in parts]),
            {member: why for part in reversed(parts) for member, why in part.degraded.items()},
        )
