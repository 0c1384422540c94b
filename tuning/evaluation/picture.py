"""One figure of an evaluation: macro-F1 of everybody with its interval, beside what the fused ensemble mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ensemble.write.picture.style import DPI, FAINT, INK, OKABE_ITO, nothing
from tuning.evaluation.evaluate import FUSED, MEAN
from tuning.evaluation.result import Result, Told

WIDTH, HEIGHT = 16.0, 6.5
COLOURS = {FUSED: OKABE_ITO[4], MEAN: OKABE_ITO[5]}
DARK = 0.55
"""A share from which on white is legible on its colour, and black is not."""


def results_picture(results: Sequence[Result], title: str) -> Figure:
    """Draw a row for each task of classes that is scored, expression above compound."""
    told = {task: {one.name: getattr(one, task) for one in results} for task in ("expression", "compound")}
    rows = {task: named for task, named in told.items() if named[FUSED] is not None}
    figure = Figure(figsize=(WIDTH, HEIGHT * max(1, len(rows))), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14, weight="bold", color=INK, parse_math=False)
    panels = figure.subplots(max(1, len(rows)), 2, squeeze=False, width_ratios=(1, 1))
    for (left, right), (task, named) in zip(panels, rows.items(), strict=False):
        _members(left, task, {name: one for name, one in named.items() if one is not None})
        _confusion(right, task, named[FUSED])
    if not rows:
        for panel in panels[0]:
            panel.set_axis_off()
        nothing(panels[0, 0], "no clip of this split has a label of a class")
    return figure


def _members(panel: Axes, task: str, named: dict[str, Told]) -> None:
    places = np.arange(len(named))[::-1]
    for place, (name, told) in zip(places, named.items(), strict=True):
        low, high = told.f1_interval
        panel.plot([low, high], [place, place], color=COLOURS.get(name, FAINT), linewidth=2.5, solid_capstyle="butt")
        panel.plot(told.f1_own, place, "o", color=COLOURS.get(name, FAINT), markersize=9)
        panel.annotate(
            f"{told.f1_own:.3f}", (told.f1_own, place), (0, 9), textcoords="offset points", ha="center", fontsize=9
        )
    panel.set_yticks(places, list(named), fontsize=10, color=INK)
    panel.set_ylim(-0.7, len(named) - 0.3)
    panel.set_xlim(0, 1)
    count = len(next(iter(named.values())).own)
    panel.set_xlabel(f"{task}: macro-F1 over the {count} labels that occur; 95 %, clips drawn again", fontsize=10)
    panel.grid(axis="x", color="#E5E5E5")
    panel.set_axisbelow(b=True)
    panel.spines[["top", "right", "left"]].set_visible(False)


def _confusion(panel: Axes, task: str, told: Told) -> None:
    counts = np.array(told.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    silent = counts[:, -1].any()
    columns = len(told.labels) + int(silent)
    panel.imshow(share[:, :columns], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(share[:, :columns] >= 0.005):
        colour = "white" if share[row, column] > DARK else INK
        panel.text(column, row, f"{share[row, column]:.0%}", ha="center", va="center", fontsize=9, color=colour)
    names = [*told.labels, "nothing"][:columns]
    panel.set_xticks(range(columns), names, rotation=35, ha="right", fontsize=9)
    rows = [f"{name} ({count})" for name, count in zip(told.labels, counts.sum(axis=1), strict=True)]
    panel.set_yticks(range(len(rows)), rows, fontsize=9)
    panel.set_xlabel(f"said by the fused ensemble (share of each row; {told.rows} frames or spans in all)", fontsize=10)
    panel.set_ylabel(f"{task} as labelled", fontsize=10)
    panel.spines[:].set_visible(False)
