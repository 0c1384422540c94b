"""What was tried, in order: every trial's value and the best so far; where trials have curves, how each one learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ensemble.write.picture.style import INK, OKABE_ITO
from tuning.search.outcome import Outcome, Trial, best_so_far
from tuning.search.shown.pictures.canvas import DONE, FAILED, STOPPED, WIDTH, WINNER, empty, explain, quiet, sheet


def history_picture(outcome: Outcome, within: Mapping[str, float] | None = None) -> Figure:
    """Draw every trial, and the curves of those that have one; `within`: upper bounds that the winner keeps."""
    winner = outcome.best(within)
    drawn = [trial for trial in outcome.trials if len(trial.curve) > 1]
    drawn = [trial for trial in outcome.trials if trial.curve] if drawn else []  # one point each is no curve
    figure = sheet(f"{outcome.name}: what was tried", width=WIDTH * (1.25 if drawn else 1))
    panels = figure.subplots(1, 2 if drawn else 1, squeeze=False)[0]
    _trials(panels[0], outcome, winner)
    if drawn:
        _curves(panels[1], drawn, winner, outcome.objectives[0].name)
    return figure


def _trials(panel: Axes, outcome: Outcome, winner: Trial | None) -> None:
    objective = outcome.objectives[0]
    trials = sorted(outcome.trials, key=lambda trial: trial.number)
    if not outcome.judged:
        empty(panel, f"none of {len(trials)} trials has a value of {objective.name}, so there is nothing to show")
        return
    quiet(panel)
    numbers = [trial.number for trial in trials]
    best = best_so_far(trials, objective)
    panel.plot(numbers, best, color=OKABE_ITO[2], linewidth=2, drawstyle="steps-post", label="best so far")
    judged = {trial.number for trial in outcome.judged}
    for state, look, label in (
        ("done", {"color": DONE}, "done"),
        ("stopped", {"facecolors": "none", "edgecolors": STOPPED, "linewidths": 1.5}, "stopped early"),
    ):
        shown = [trial for trial in trials if trial.number in judged and trial.state == state and trial is not winner]
        if shown:
            places = [trial.number for trial in shown], [trial.values[objective.name] for trial in shown]
            panel.scatter(*places, s=45, zorder=3, label=label, **look)
    if winner is not None:
        value = winner.values[objective.name]
        label = f"winner: trial {winner.number}, {value:.4g}"
        panel.scatter([winner.number], [value], s=260, marker="*", color=WINNER, edgecolors=INK, zorder=4, label=label)
    if failed := [trial.number for trial in trials if trial.number not in judged]:
        foot = panel.get_xaxis_transform()
        label = "failed, or no value"
        panel.scatter(failed, [0.02] * len(failed), s=90, marker="|", color=FAILED, transform=foot, label=label)
    panel.set_xlim(min(numbers) - 0.8, max(numbers) + 0.8)
    panel.margins(y=0.1)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panel.set_xlabel("trial", fontsize=10)
    better = "higher" if objective.mode == "max" else "lower"
    panel.set_ylabel(f"{objective.name} ({better} is better)", fontsize=10)
    explain(panel)


def _curves(panel: Axes, drawn: Sequence[Trial], winner: Trial | None, name: str) -> None:
    quiet(panel)
    looks: dict[str, dict[str, Any]] = {
        "stopped": {"color": STOPPED, "linewidth": 1, "alpha": 0.6, "label": "stopped early"},
        "done": {"color": DONE, "linewidth": 1, "alpha": 0.6, "label": "done"},
        "failed": {"color": FAILED, "linewidth": 1, "alpha": 0.6, "label": "failed"},
        "winner": {"color": WINNER, "linewidth": 3, "label": "winner"},
    }
    told: set[str] = set()
    for trial in sorted(drawn, key=lambda trial: trial is winner):
        kind = "winner" if trial is winner else trial.state
        look = {**looks[kind], "label": None if kind in told else looks[kind]["label"]}
        told.add(kind)
        panel.plot(np.arange(1, len(trial.curve) + 1), trial.curve, **look)
        # The end is marked: a trial of one iteration has no line, and a stopped one ends where it was judged.
        panel.plot(len(trial.curve), trial.curve[-1], ".", color=look["color"], markersize=8 if kind == "winner" else 5)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panel.set_xlabel("iteration", fontsize=10)
    panel.set_ylabel(name, fontsize=10)
    explain(panel)
