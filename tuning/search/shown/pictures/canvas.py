"""What the pictures of a search share: the sheet, quiet axes, and the colours of what became of a trial."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ensemble.write.picture.style import DPI, INK, OKABE_ITO

DONE, STOPPED, FAILED, WINNER = OKABE_ITO[4], "#8A8A8A", OKABE_ITO[5], OKABE_ITO[0]
"""Colours; each state has its own shape too."""
WIDTH, HEIGHT = 12.0, 5.5


def sheet(title: str, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Return an empty figure; its measures are inches."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14, weight="bold", color=INK, parse_math=False)
    return figure


def quiet(panel: Axes) -> None:
    """Leave only what helps to read values."""
    panel.grid(color="#E5E5E5")
    panel.set_axisbelow(b=True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=9)


def explain(panel: Axes) -> None:
    """Put a panel's legend below it, where it hides nothing."""
    entries = panel.get_legend_handles_labels()[1]
    if entries:
        panel.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.13),
            ncols=min(len(entries), 5),
            frameon=False,
            fontsize=9,
            columnspacing=1.2,
        )


def empty(panel: Axes, text: str) -> None:
    """Say why a panel has nothing to show."""
    panel.set_axis_off()
    panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", fontsize=11, wrap=True)
