"""One of several workers that fit a head together, started by a test as a process of its own.

python -m tests.tuning.worker RANK SIZE FOLDER WHAT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import distributed

from tests.makers import make_head
from tests.tuning.toy_rows import DEV, TRAIN
from tuning.fit import Data, FitSettings, Held, Some, fit
from tuning.members import States
from tuning.objectives import HeadObjective

BATCH = 8  # of one of two workers; 91 rows are five batches of both and eleven rows, which is odd
TRAINED = Some(TRAIN, torch.arange(91))
WHAT = {
    "all tasks": ("mean", {}),
    "one task left out": ("attention", {"task_weights": {"action_units": 0.0}}),
    "unsure": ("uncertain", {"smoothing": 0.1}),
    "partly labelled": ("mean", {"unit_weights": True}),
    "balanced, unfrozen, averaged": (
        "mean",
        {"balance": "class", "unfreeze": {0: ("tasks",), 1: ("trunk",)}, "ema": 0.9, "accumulate": 2, "loss": "focal"},
    ),
}


def _partly() -> Some:
    """Rows with valence alone in front, one action unit behind, and arousal nowhere; with no expression."""
    columns = {**TRAIN.columns, **{task: column.clone() for task, column in TRAIN.targets.items()}}
    columns["expression"][:] = torch.nan
    columns["valence_arousal"][:, 1] = columns["valence_arousal"][50:] = torch.nan
    columns["action_units"][:, 1:] = columns["action_units"][:30] = torch.nan
    return Some(Held(columns, TRAIN.tasks), TRAINED.index)


ROWS = {"partly labelled": _partly()}


def run(what: str, size: int) -> tuple[list[float], list[float], dict[str, list[float]]]:
    """Fit; return losses, scores and weights."""
    kind, changes = WHAT[what]
    settings = FitSettings(**{"epochs": 3, "batch": 2 * BATCH // size, "lr": 3e-3, **changes})
    head = make_head(kind)
    for module in head.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    losses, scores = [], []

    def report(progress):
        losses.append(progress.loss)
        scores.append(progress.score)

    train = ROWS.get(what, TRAINED)
    fit(head, HeadObjective(head, train, settings), Data(train, DEV), settings, seed=7, report=report)
    return losses, scores, {name: value.flatten().tolist() for name, value in head.state_dict().items()}


def main() -> None:
    """Join the others, fit, and write down what came out."""
    rank, size, folder, what = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
    found = {one: run(one, size) for one in what}
    found["resumed"] = States(folder / str(rank) / "state").read()  # each has a folder of its own, as if one were late
    (folder / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
