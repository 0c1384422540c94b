"""Whom a fusion trusts in what: a matrix of members × classes for each task, with its numbers written in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensemble.write.picture.style import FAINT, INK
from modalities.types import Array
from tuning.search.shown.pictures.canvas import sheet

Weights = tuple[Sequence[str], Sequence[str], Array]
"""Members, labels, and weights [M, C]; NaN where a member does not speak a label."""
DARK = 0.55
"""A share of the darkest colour's weight from which on white is legible on its colour, and black is not."""
CELL, ROW = 0.62, 0.38
"""Inches."""


def weights_picture(weights: Mapping[str, Weights]) -> Figure:
    """Draw a heat map for each task, one below the other; ValueError for an empty mapping or a shape that is none."""
    if not weights:
        raise ValueError("there is no matrix of weights to draw")
    for task, (members, labels, values) in weights.items():
        if values.shape != (len(members), len(labels)):
            raise ValueError(f"{task}: weights of {len(members)} members × {len(labels)} labels, got {values.shape}")
    most = max(len(labels) for _, labels, _ in weights.values())
    heights = [1.5 + ROW * len(members) for members, _, _ in weights.values()]
    figure = sheet("Whom the ensemble trusts, and in what", max(9.0, 4 + CELL * most), 0.6 + sum(heights))
    panels = figure.subplots(len(weights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (task, matrix) in zip(panels, weights.items(), strict=True):
        _heat(panel, task, *matrix)
    return figure


def _heat(panel: Axes, task: str, members: Sequence[str], labels: Sequence[str], values: Array) -> None:
    # Where all are trusted alike, no cell is dark.
    top = max(float(np.nanmax(values, initial=1e-9)), 3 * float(np.nan_to_num(values).mean()))
    panel.imshow(np.nan_to_num(values), cmap="Blues", vmin=0, vmax=top, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        silent = bool(np.isnan(value))
        colour = FAINT if silent else "white" if value > DARK * top else INK
        text = "–" if silent else f"{value:.2f}"
        panel.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    panel.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=9)
    panel.set_yticks(range(len(members)), members, fontsize=9)
    panel.tick_params(length=0)
    panel.set_title(f"{task}: {_note(values)}", fontsize=11, color=INK, loc="left")
    panel.spines[:].set_visible(False)


def _note(values: Array) -> str:
    whole = np.allclose(np.nansum(values, axis=0), 1, atol=5e-3)
    said = "each column sums to one" if whole else "weights as they are; columns do not sum to one"
    return f"{said}; – does not speak the label" if np.isnan(values).any() else said
