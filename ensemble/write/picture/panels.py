"""The panels of the picture: each draws one thing that a timeline says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ensemble.timeline import Timeline
from ensemble.write.picture.columns import Columns
from ensemble.write.picture.lettering import lanes, legible
from ensemble.write.picture.style import (
    DPI,
    INK,
    LEFT,
    MUTED,
    OKABE_ITO,
    RIGHT,
    SIZE,
    UNKNOWN,
    key,
    name,
    note,
    nothing,
)
from modalities.types import Array, Word, seconds

FEWEST_WORDS = 0.7
"""Share of the words below which none is drawn: single words would mislead."""


def compound(panel: Axes, timeline: Timeline, view: Columns) -> None:
    """Stack the probabilities, the first label on top as in the legend."""
    labels = timeline.tasks["compound"].labels.names
    colours = [OKABE_ITO[number % len(OKABE_ITO)] for number in range(len(labels))]
    x, share = view.x, view.step(view.compound)
    unjudged = np.isnan(share).all(axis=1)
    upper = np.where(unjudged, np.nan, np.nansum(share, axis=1))
    for column, colour in enumerate(colours):
        lower = upper - np.nan_to_num(share[:, column])
        panel.fill_between(x, lower, upper, color=colour, linewidth=0)
        upper = lower
    patches = [Patch(color=colour, label=label) for label, colour in zip(labels, colours, strict=True)]
    if view.nobody.any():
        shade: dict[str, Any] = {"facecolor": "none", "edgecolor": "#444444", "hatch_linewidth": 0.5, "linewidth": 0}
        panel.fill_between(x, 0, 1, where=view.step(view.nobody).tolist(), hatch="//", **shade)
        patches.append(Patch(label="nobody in view", hatch="////", **shade))
    if unjudged.any() or view.edges[0] > seconds(timeline.start):
        patches.append(Patch(color=UNKNOWN, label="not judged"))
    panel.set_facecolor(UNKNOWN)
    panel.set_ylim(0, 1)
    panel.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    name(panel, "compound")
    key(panel, patches)
    if unjudged.all():
        nothing(panel, "no member could judge this clip")


def expression(panel: Axes, timeline: Timeline, view: Columns) -> None:
    """Draw a strip for each basic expression, the darker the more probable."""
    labels = timeline.tasks["expression"].labels.names
    edges = np.arange(len(labels) + 1)
    mesh = panel.pcolormesh(view.edges, edges, np.ma.masked_invalid(view.expression.T), cmap="Blues", vmin=0, vmax=1)
    panel.set_facecolor(UNKNOWN)
    panel.set_ylim(len(labels), 0)
    panel.set_yticks(edges[:-1] + 0.5, labels)
    panel.tick_params(axis="y", length=0)
    bar = panel.inset_axes((1.012, 0.06, 0.009, 0.88))
    panel.get_figure(root=True).colorbar(mesh, cax=bar, ticks=[0, 1])  # type: ignore[union-attr]  # it stands in one
    bar.tick_params(labelsize=9, length=0)
    bar.spines[:].set_visible(False)
    note(panel, "basic expressions", 1.045, color=INK)


def affect(panel: Axes, timeline: Timeline, view: Columns) -> None:
    """Draw valence and arousal as lines."""
    panel.axhline(0, color="#CCCCCC", linewidth=0.8)
    values = view.step(view.affect)
    labels = timeline.tasks["valence_arousal"].labels
    lines = [
        panel.plot(view.x, values[:, column], color=colour, linewidth=1.6, label=label)[0]
        for column, (label, colour) in enumerate(zip(labels, ("#0072B2", "#D55E00"), strict=True))
    ]
    panel.set_ylim(-1.05, 1.05)
    panel.set_yticks([-1, 0, 1])
    name(panel, "affect")
    key(panel, lines)
    if np.isnan(values).all():
        nothing(panel, "no member says valence and arousal")


def speech(panel: Axes, timeline: Timeline) -> None:
    """Draw where somebody speaks, and the words above it."""
    panel.set_ylim(0, 4)
    panel.set_yticks([])
    panel.spines["left"].set_visible(False)
    name(panel, "speech")
    words = timeline.transcript.words if timeline.transcript else ()
    spans = timeline.speech.spans.tolist() if timeline.speech else []
    panel.broken_barh(
        [(seconds(start), seconds(end - start)) for start, end in spans], (0.15, 0.6), color="#44AA99", linewidth=0
    )
    if not spans and not words:
        nothing(panel, "no speech" if timeline.speech else "nobody listened for speech")
    if spans and not words and timeline.transcript:
        note(panel, "no words were\nunderstood")
    _words(panel, timeline, words)


def _words(panel: Axes, timeline: Timeline, words: Sequence[Word]) -> None:
    start, length = seconds(timeline.start), max(1e-3, seconds(timeline.end - timeline.start))
    width = SIZE[0] * DPI * (RIGHT - LEFT)
    texts = [legible(word.text) for word in words]
    lefts = [(seconds(word.start) - start) / length * width for word in words]
    placed = lanes(list(zip(lefts, texts, strict=True)), 3, width)
    if sum(place is not None for place in placed) < FEWEST_WORDS * len(words):
        note(panel, f"{len(words)} words,\ntoo many to draw")
        return
    for word, text, place in zip(words, texts, placed, strict=True):
        if place is not None:
            lane, left = place
            style = "italic" if word.timing == "estimated" else "normal"
            x = start + left / width * length
            panel.text(x, 3.5 - lane, text, fontsize=9, va="center", style=style, color=INK, parse_math=False)
    if any(word.timing == "estimated" for word in words):
        note(panel, "words in italics:\ntimes are estimated")


def members(panel: Axes, timeline: Timeline, view: Columns) -> None:
    """Stack what members add to the winner above zero, and what they take away below."""
    colours = [MUTED[number % len(MUTED)] for number in range(len(timeline.members))]
    shares = np.nan_to_num(view.step(view.contributions))
    above, below = np.where(shares > 0, shares, 0), np.where(shares < 0, shares, 0)
    for parts in (above, below):
        _stack(panel, view.x, parts, colours)
    reach = max(0.05, 1.08 * float(above.sum(axis=1).max(initial=0)), -1.08 * float(below.sum(axis=1).min(initial=0)))
    panel.set_ylim(-reach, reach)
    panel.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}".replace("-", "−")))
    panel.axhline(0, color=INK, linewidth=0.8)
    name(panel, "contribution")
    key(panel, [Patch(color=colour, label=member) for member, colour in zip(timeline.members, colours, strict=True)])


def _stack(panel: Axes, x: Array, parts: Array, colours: Sequence[str]) -> None:
    outer = parts.sum(axis=1)
    for column, colour in enumerate(colours):
        inner = outer - parts[:, column]
        panel.fill_between(x, inner, outer, color=colour, linewidth=0)
        outer = inner
