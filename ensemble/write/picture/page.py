"""The page: faces, compound probabilities, expression, valence and arousal, speech, contributions, one above the other.

Everything shares one axis of time. Where a clip has more than 2000 video frames, columns are means of several.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from ensemble.timeline import Timeline
from ensemble.write.crops import Crop
from ensemble.write.digest import Digest
from ensemble.write.document import DISCLOSURE
from ensemble.write.picture.columns import Columns
from ensemble.write.picture.gallery import gallery
from ensemble.write.picture.lettering import clock, legible
from ensemble.write.picture.panels import affect, compound, expression, members, speech
from ensemble.write.picture.style import DPI, FAINT, INK, LEFT, RIGHT, SIZE, still
from modalities.types import seconds
from modalities.whole import whole

PANELS = {"compound": 2.9, "expression": 1.8, "affect": 1.2, "speech": 0.9, "members": 1.4}
"""From top to bottom, with their shares of the height."""
FACES = 2.1
MINUTES = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
"""Seconds between ticks that a clock face knows."""


def picture(timeline: Timeline, faces: Sequence[Crop] = ()) -> Figure:
    """Draw a timeline, 1600 × 1000; `faces` stand above it, each at its time."""
    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    heights = {"faces": FACES, **PANELS} if faces else PANELS
    margins = {"left": LEFT, "right": RIGHT, "top": 0.925, "bottom": 0.075, "hspace": 0.16}
    grid = figure.add_gridspec(len(heights), 1, height_ratios=list(heights.values()), **margins)
    panels = {panel: figure.add_subplot(grid[row, 0]) for row, panel in enumerate(heights)}
    view = Columns.of(timeline)
    compound(panels["compound"], timeline, view)
    expression(panels["expression"], timeline, view)
    affect(panels["affect"], timeline, view)
    speech(panels["speech"], timeline)
    members(panels["members"], timeline, view)
    for panel in panels.values():
        _time_axis(panel, timeline, labelled=panel is panels["members"])
    if faces:
        gallery(panels["faces"], panels["compound"], timeline, faces)
    _headline(figure, timeline)
    return figure


def write_picture(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    with whole(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=DPI)


def _headline(figure: Figure, timeline: Timeline) -> None:
    digest = Digest.of(timeline)
    said = ["one picture" if still(timeline) else clock(digest.duration, exact=True)]
    if digest.top_compound is not None and digest.share is not None:
        often = f"most often {digest.top_compound} ({digest.share:.0%} of the judged frames)"
        said.append(f"most like {digest.top_compound}" if still(timeline) else often)
    if len(timeline.sightings.looked):
        said.append({0: "no face", 1: "1 face"}.get(digest.faces, f"{digest.faces} faces"))
    if digest.speech is not None:
        said.append(f"{clock(digest.speech, exact=True)} of speech" if digest.speech else "no speech")
    _write(figure, 0.968, legible(timeline.clip), size=16, weight="bold", color=INK)
    _write(figure, 0.942, "   ·   ".join(said), size=11, color=INK)
    _write(figure, 0.012, DISCLOSURE, size=9, color=FAINT)


def _write(figure: Figure, y: float, text: str, **style: Any) -> None:
    # A dollar in a clip's name is a dollar.
    figure.text(LEFT, y, text, parse_math=False, **style)


def _time_axis(panel: Axes, timeline: Timeline, *, labelled: bool) -> None:
    start, end = seconds(timeline.start), seconds(timeline.end)
    long = end - start > 60
    step = next((step for step in MINUTES if (end - start) / step <= 14), MINUTES[-1])
    panel.set_xlim(start, max(end, start + 1e-3))
    panel.xaxis.set_major_locator(MultipleLocator(step) if long else MaxNLocator(12, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda time, _: clock(time)))
    panel.tick_params(labelbottom=labelled, labelsize=9, colors=INK, length=3)
    panel.spines[["top", "right"]].set_visible(False)
    if still(timeline):
        panel.set_xticks([])
    elif labelled:
        panel.set_xlabel("time" if long else "time in seconds", fontsize=9, color=INK)
