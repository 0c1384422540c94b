"""The faces above a timeline, each tied to its time."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ensemble.timeline import Timeline
from ensemble.write.crops import Crop
from ensemble.write.picture.lettering import clock
from ensemble.write.picture.style import FAINT, INK, SIZE, still
from modalities.types import seconds

CAPTION = 1.85
"""Inches that the longest caption takes."""


def gallery(panel: Axes, below: Axes, timeline: Timeline, faces: Sequence[Crop]) -> None:
    """Stand faces side by side, as near to their times as there is room, and tie each to its time in `below`."""
    panel.axis("off")
    box = panel.get_position()
    width, height = box.width * SIZE[0], box.height * SIZE[1]
    side = min(height * 0.72, width / len(faces) * 0.9)
    start, length = seconds(timeline.start), max(1e-3, seconds(timeline.end - timeline.start))
    times = [start + length / 2 if still(timeline) else seconds(crop.moment.time) for crop in faces]
    gap = min(width / len(faces), max(side * 1.12, CAPTION))
    places = apart([(time - start) / length * width for time in times], gap, width)
    for crop, time, middle in zip(faces, times, places, strict=True):
        frame = panel.inset_axes((middle / width - side / width / 2, 0.06, side / width, side / height))
        frame.imshow(crop.image, aspect="auto", interpolation="bilinear")
        frame.set(xticks=[], yticks=[])
        frame.spines[:].set(color=FAINT, linewidth=0.8)
        frame.set_title(_caption(timeline, crop), fontsize=9, color=INK, pad=3)
        line = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        below.annotate(
            "", xy=(time, 1), xytext=(0.5, 0), textcoords=frame.transAxes, annotation_clip=False, arrowprops=line
        )
        below.plot([time], [1], marker="v", color=INK, markersize=5, clip_on=False)


def _caption(timeline: Timeline, crop: Crop) -> str:
    lines = [] if still(timeline) else [clock(seconds(crop.moment.time), exact=True)]
    if crop.moment.label is not None:
        lines.append(f"{crop.moment.label} {crop.moment.probability:.2f}")
    return "\n".join(lines)


def apart(wanted: Sequence[float], gap: float, width: float) -> list[float]:
    """Move rising places until neighbours are `gap` from each other and half of it from the edges, if there is room."""
    places = list(wanted)
    low = gap / 2
    for number, place in enumerate(places):
        places[number] = low = max(low, place)
        low += gap
    high = width - gap / 2
    for number in reversed(range(len(places))):
        places[number] = high = min(high, places[number])
        high -= gap
    return places
