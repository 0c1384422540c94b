"""What all of the picture shares: its measures and colours, what is still, and the key beside a panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from ensemble.timeline import Timeline

SIZE, DPI = (16.0, 10.0), 100
LEFT, RIGHT = 0.065, 0.845
"""Where panels begin and end, as shares of the width."""
INK, FAINT, UNKNOWN = "#222222", "#777777", "#EDEDED"
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Colours that people who see few colours tell apart (Okabe and Ito, 2008), without black."""
MUTED = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
"""The same for more of them (Paul Tol's muted scheme)."""


def still(timeline: Timeline) -> bool:
    """Whether there is one frame only, so that time means nothing."""
    return len(np.unique(timeline.rows.times)) < 2


def key(panel: Axes, entries: Sequence[Artist]) -> None:
    """Put a legend to the right of a panel."""
    panel.legend(
        handles=list(entries),
        loc="upper left",
        bbox_to_anchor=(1.005, 1.03),
        frameon=False,
        fontsize=9,
        handlelength=1.2,
        handleheight=0.9,
        labelspacing=0.35,
        borderaxespad=0.0,
    )


def note(panel: Axes, text: str, x: float = 1.012, **style: Any) -> None:
    """Write to the right of a panel, or into it."""
    panel.text(x, 0.5, text, transform=panel.transAxes, va="center", **{"fontsize": 9, "color": FAINT, **style})


def nothing(panel: Axes, text: str) -> None:
    """Say why a panel is empty."""
    note(panel, text, 0.5, ha="center", fontsize=10)


def name(panel: Axes, text: str) -> None:
    """Write a panel's name to the left of it."""
    panel.set_ylabel(text, fontsize=10, color=INK)
    panel.yaxis.set_label_coords(-0.05, 0.5)
