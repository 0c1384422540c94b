"""Calibration: how sure a member may be, one temperature per task, by its likelihood on dev (Guo et al., 2017).

Which class is the likeliest does not change; how much a member weighs in a fusion does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from modalities.device import bring
from modalities.heads.head import Head
from tuning.fit import Rows, chunks

FEWEST = 30
"""Labelled rows below which a temperature would be a guess."""
BOUNDS = (-2.0, 3.0)
"""Of the temperature's logarithm."""


@torch.no_grad()
def calibrate(head: Head, dev: Rows) -> dict[str, float]:
    """Set the temperatures of a head by what it says about dev; returns task → temperature."""
    said: dict[str, list[Tensor]] = {task: [] for task, kind in head.config.kinds.items() if kind == "distribution"}
    for batch in (bring(some, head) for some in chunks(dev)):
        logits = head(batch["steps"], batch["mask"], batch["times"]).logits
        for task, parts in said.items():
            parts.append(logits[task].cpu())
    found = {task: temperature(torch.cat(parts), dev.targets[task]) for task, parts in said.items()}
    head.temperatures.copy_(torch.tensor([found.get(task, 1.0) for task in head.config.speaks]))
    return found


def temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature [logits B, C; soft targets B, C, NaN where not known] with the best likelihood."""
    from scipy.optimize import minimize_scalar  # only here: it takes half a second of every worker's start

    known = ~targets.isnan().any(-1)
    if int(known.sum()) < FEWEST:
        return 1.0
    logits, targets = logits[known].double(), targets[known].double()

    def loss(log_temperature: float) -> float:
        return float(functional.cross_entropy(logits / torch.tensor(log_temperature).exp(), targets))

    return float(torch.tensor(minimize_scalar(loss, bounds=BOUNDS, method="bounded").x).exp())
