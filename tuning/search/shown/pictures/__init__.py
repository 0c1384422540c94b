"""A search as pictures: what was tried, what mattered, what a gain costs, and whom the ensemble trusts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modalities.whole import whole
from tuning.search.outcome import Outcome
from tuning.search.shown.pictures.history import history_picture
from tuning.search.shown.pictures.importance import importance_picture
from tuning.search.shown.pictures.pareto import pareto_picture
from tuning.search.shown.pictures.weights import Weights, weights_picture

__all__ = ["Weights", "history_picture", "importance_picture", "pareto_picture", "weights_picture", "write_pictures"]


def write_pictures(
    outcome: Outcome,
    folder: Path,
    within: Mapping[str, float] | None = None,
    weights: Mapping[str, Weights] | None = None,
) -> tuple[Path, ...]:
    """Write `history.png` and `importance.png`; `pareto.png` and `weights.png` where there is something to show.

    within: upper bounds that the winner keeps (`Outcome.best`). weights: task → what the winner's fusion weighs.
    """
    made = {"history": history_picture(outcome, within), "importance": importance_picture(outcome)}
    if len(outcome.objectives) > 1:
        made["pareto"] = pareto_picture(outcome, within)
    if weights:
        made["weights"] = weights_picture(weights)
    paths = {name: folder / f"{name}.png" for name in made}
    for name, figure in made.items():
        with whole(paths[name]) as unfinished:
            figure.savefig(unfinished, format="png")
    return tuple(paths.values())
