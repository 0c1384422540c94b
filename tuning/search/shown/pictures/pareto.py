"""What a gain costs: the first objective against each other one, with the trials that no other beats in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ensemble.write.picture.style import INK
from tuning.search.outcome import Objective, Outcome, Trial
from tuning.search.shown.pictures.canvas import DONE, FAILED, STOPPED, WINNER, empty, explain, quiet, sheet


def pareto_picture(outcome: Outcome, within: Mapping[str, float] | None = None) -> Figure:
    """Draw a panel for each objective after the first; `within`: upper bounds that the winner keeps.

    ValueError for an outcome with a single objective.
    """
    first, *others = outcome.objectives
    if not others:
        raise ValueError(f"{outcome.name} has the objective {first.name} alone; a front needs two")
    figure = sheet(f"{outcome.name}: what {first.name} costs", width=max(9.0, 7.0 * len(others)), height=6)
    panels = figure.subplots(1, len(others), squeeze=False)[0]
    winner = outcome.best(within)
    for panel, other in zip(panels, others, strict=True):
        if outcome.judged:
            _pair(panel, replace(outcome, objectives=(first, other)), winner, within or {})
        else:
            empty(panel, "no trial has a value of every objective")
    return figure


def _pair(panel: Axes, outcome: Outcome, winner: Trial | None, within: Mapping[str, float]) -> None:
    first, other = outcome.objectives
    quiet(panel)
    front = sorted(outcome.front(), key=lambda trial: (trial.values[other.name], trial.values[first.name]))
    on_front = {trial.number for trial in front}
    rest = [trial for trial in outcome.judged if trial.number not in on_front]
    panel.scatter(*_places(rest, outcome), s=40, facecolors="none", edgecolors=STOPPED, label="beaten by another")
    # Between two trials of the front nothing better is known than the one that costs less: stairs, not slopes.
    stairs = "steps-post" if other.mode == "min" else "steps-pre"
    panel.plot(*_places(front, outcome), color=DONE, linewidth=1.5, drawstyle=stairs)
    panel.scatter(*_places(front, outcome), s=60, color=DONE, zorder=3, label="not beaten in both")
    if winner is not None:
        label = f"winner: trial {winner.number}"
        panel.scatter(
            *_places([winner], outcome), s=300, marker="*", color=WINNER, edgecolors=INK, zorder=4, label=label
        )
    if other.name in within:
        limit = within[other.name]
        panel.axvline(limit, color=FAILED, linestyle="--", linewidth=1.5, label=f"at most {limit:g}")
    panel.margins(0.08)
    panel.set_xlabel(_axis(other), fontsize=10)
    panel.set_ylabel(_axis(first), fontsize=10)
    explain(panel)


def _places(trials: list[Trial], outcome: Outcome) -> tuple[list[float], list[float]]:
    first, other = outcome.objectives
    return [trial.values[other.name] for trial in trials], [trial.values[first.name] for trial in trials]


def _axis(objective: Objective) -> str:
    return f"{objective.name} ({'higher' if objective.mode == 'max' else 'lower'} is better)"
