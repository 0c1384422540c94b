"""Smoothing of rows over time: within a clip and a track, before the winner of a row is chosen; off by default.

    box         the mean over rows at most width / 2 away
    gaussian    weights of σ = width / 2, cut at 4 σ = 2 widths (as `scipy.ndimage.gaussian_filter1d` cuts)

Related work counts frames (10, 50 or 100 of them); a width is in seconds here, for clips differ in their rate, and
phones change it within a clip. Every row within reach counts once, class by class, where it says the class. What a row
does not say stays unsaid: absence is never filled from its neighbours.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ensemble.opinions import BLOCK
from ensemble.timeline import Draft
from modalities.config import Choice, Config, Uniform
from modalities.types import SECOND, Array, Microseconds, Scores, Times

CUT = 4
"""Where the Gaussian ends, in σ."""


class Smoothing(Config):
    """Over which rows a row's scores are averaged."""

    window: Annotated[Literal["none", "box", "gaussian"], Choice(("none", "box", "gaussian"))] = "none"
    width: Annotated[float, Uniform(0.1, 10.0, log=True), Field(gt=0, le=60)] = 1.0  # seconds

    @property
    def reach(self) -> Microseconds:
        """How far away a row can count."""
        half = round(self.width * SECOND / 2)
        return {"none": 0, "box": half, "gaussian": CUT * half}[self.window]

    def weights(self, times: Times, others: Times) -> Array:
        """Return how much rows at `others` [N] count for rows at `times` [F]: [F, N], unscaled."""
        apart_FN = others[None, :] - times[:, None]
        sharp = 2 if self.window == "gaussian" else 0
        weights_FN: Array = np.exp(-0.5 * (sharp * apart_FN / (self.width * SECOND)) ** 2)
        return np.where(np.abs(apart_FN) <= self.reach, weights_FN, 0)


class Smoother:
    """Takes a clip's rows as they become known, and gives back smoothed ones as soon as all within reach are."""

    def __init__(self, smoothing: Smoothing) -> None:
        self._smoothing = smoothing
        self.reach = smoothing.reach
        self._held: Draft | None = None  # rows that are not given back yet, and those behind them within their reach
        self._done = 0  # rows held that are given back

    def add(self, draft: Draft, before: Microseconds) -> Draft:
        """Take in the next rows (their times rise, and none before `before` is to come); give back what is ready."""
        if not self.reach:
            return draft
        held = draft if self._held is None else Draft.join([self._held, draft])
        ready = max(int(np.searchsorted(held.times, before - self.reach)), self._done)
        smoothed = smooth(held, slice(self._done, ready), self._smoothing)
        oldest = held.times[ready] if ready < len(held.times) else before
        first = min(int(np.searchsorted(held.times, oldest - self.reach)), ready)
        self._held, self._done = held.take(slice(first, None)), ready - first
        return smoothed


def smooth(draft: Draft, wanted: slice, smoothing: Smoothing) -> Draft:
    """Smooth the wanted rows over all rows of their tracks."""
    asked = draft.take(wanted)
    scores = {task: values.copy() for task, values in asked.scores.items()}
    contributions = asked.contributions.copy()
    for track in np.unique(asked.tracks):
        rows, others = np.flatnonzero(asked.tracks == track), np.flatnonzero(draft.tracks == track)
        for first in range(0, len(rows), BLOCK):
            block = rows[first : first + BLOCK]
            times = asked.times[block]
            edges = times[0] - smoothing.reach, times[-1] + smoothing.reach + 1
            start, end = np.searchsorted(draft.times[others], edges)
            near = others[start:end]
            weights_FN = smoothing.weights(times, draft.times[near])
            for task, values in scores.items():
                values[block] = _mean(weights_FN, draft.scores[task][near], values[block])
            contributions[block] = _mean(weights_FN, draft.contributions[near], contributions[block])
    return Draft(asked.times, asked.tracks, scores, contributions)


def _mean(weights_FN: Array, values: Scores, own: Scores) -> Scores:
    """Average values [N, …] over those that are said; NaN where the row's own [F, …] is."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    said = ~np.isnan(flat)
    total = weights_FN @ said.astype(np.float64)
    mean = (weights_FN @ np.where(said, flat, 0)) / np.where(total > 0, total, 1)
    return np.where(np.isnan(own), np.nan, mean.reshape(own.shape)).astype(np.float32)
