"""Planted outcomes of a search: what each trial is worth is known, and why."""

import math

import numpy as np

from modalities.config import Choice, Integers, Uniform
from tuning.search.outcome import Objective, Outcome, Trial

F1, COST, MEMBERS = Objective("macro_f1", "max"), Objective("cost_ms", "min"), Objective("members", "min")
SPACE = {
    "fit.face.transformer.lr": Uniform(1e-5, 1e-1, log=True),
    "face.transformer.layers": Integers(1, 4),
    "fit.face.transformer.optimiser": Choice(("adamw", "adam", None)),
    "fusion.kind": Choice(("mhpf", "mean")),
    "fusion.fusion_heads": Integers(1, 64, log=True),
}


def planted(count=30, objectives=(F1,), *, curves=True, seed=0):
    """The rate decides, layers help a little; only one kind of fusion has heads; every ninth trial fails."""
    rng = np.random.default_rng(seed)
    return Outcome("face.transformer", SPACE, objectives, tuple(_trial(n, rng, curves) for n in range(count)), 90.0, 2)


def _trial(number, rng, curves):
    settings = {
        "fit.face.transformer.lr": float(10 ** rng.uniform(-5, -1)),
        "face.transformer.layers": int(rng.integers(1, 5)),
        "fit.face.transformer.optimiser": ("adamw", "adam", None)[rng.integers(3)],
        "fusion.kind": ("mhpf", "mean")[rng.integers(2)],
    }
    if settings["fusion.kind"] == "mhpf":
        settings["fusion.fusion_heads"] = int(rng.integers(1, 65))
    if number % 9 == 4:
        return Trial(number, settings, {}, "failed", 1.0)
    off = math.log10(settings["fit.face.transformer.lr"]) + 3
    worth = 0.55 - 0.04 * off**2 + 0.01 * settings["face.transformer.layers"] + 0.002 * rng.normal()
    whole = worth * (1 - np.exp(-np.arange(1, 13) / 3))
    stopped = curves and worth < 0.5
    curve = tuple(whole[: 3 if stopped else 12].tolist()) if curves else ()
    values = {
        "macro_f1": curve[-1] if curves else float(worth),
        "cost_ms": float(5 * settings["face.transformer.layers"] + 10 * rng.random()),
        "members": float(rng.integers(1, 7)),
    }
    return Trial(number, settings, values, "stopped" if stopped else "done", float(rng.uniform(1, 9)), curve)
