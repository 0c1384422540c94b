"""Which setting mattered, as bars."""

from __future__ import annotations

from matplotlib.figure import Figure

from ensemble.write.picture.style import FAINT, INK
from tuning.search.outcome import Outcome
from tuning.search.shown.importance import importance, unclear
from tuning.search.shown.pictures.canvas import DONE, empty, quiet, sheet

MOST = 15
"""Bars; the settings beyond share the last one."""


def importance_picture(outcome: Outcome) -> Figure:
    """Draw how much of what the first objective differs by goes back to each setting alone."""
    shares = importance(outcome)
    names = list(shares)
    bars = {name: shares[name] for name in names[:MOST]}
    if len(names) > MOST:
        bars[f"the other {len(names) - MOST}"] = sum(shares[name] for name in names[MOST:])
    figure = sheet(f"{outcome.name}: which setting mattered", height=max(3.0, 1.8 + 0.36 * len(bars)))
    panel = figure.subplots()
    if not bars:
        empty(panel, unclear(outcome) or "the values follow none of the settings")
        return figure
    quiet(panel)
    panel.grid(visible=False, axis="y")
    places = range(len(bars))
    panel.barh(places, list(bars.values()), color=DONE, height=0.65)
    for place, share in zip(places, bars.values(), strict=True):
        panel.annotate(f"{share:.0%}", (share, place), (5, 0), textcoords="offset points", va="center", color=INK)
    panel.set_yticks(places, list(bars), fontsize=10)
    panel.invert_yaxis()
    panel.set_xlim(0, max(bars.values()) * 1.1)
    panel.xaxis.set_major_formatter("{x:.0%}")
    panel.set_xlabel(
        f"share of what {outcome.objectives[0].name} differs by (fANOVA, {len(outcome.judged)} trials with a value)",
        fontsize=10,
    )
    if len(outcome.judged) < 10 * len(shares):
        panel.text(
            0.99, 0.03, "few trials for so many settings:\nread it as a hint", transform=panel.transAxes,
            ha="right", va="bottom", fontsize=9, color=FAINT,
        )  # fmt: skip
    return figure
