"""Rows to learn from, drawn so that what is true can be learnt, and short ways to fit the real heads on them."""

import numpy as np
import torch

from modalities.labels import tasks
from tests.makers import WIDTH, make_head
from tuning.fit import Data, FitSettings, Held, fit
from tuning.objectives import HeadObjective

TASKS = tasks()
PLAIN = FitSettings(smoothing=0.0)
QUICK = FitSettings(epochs=9, batch=16, lr=5e-3, patience=100)


def held(columns, names=tuple(TASKS)):
    """Rows in memory."""
    return Held(columns, names)


def rows(count, seed):
    """Steps that show the expression in three inputs, valence and arousal in two more, an action unit in the last."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, count)
    steps = rng.normal(0, 0.4, (count, 4, WIDTH)).astype(np.float32)
    steps[np.arange(count), :, classes] += 2
    feeling = rng.uniform(-0.8, 0.8, (count, 2)).astype(np.float32)
    steps[:, :, 3:5] += 2 * feeling[:, None]
    active = rng.random((count, 12)) < 0.5
    steps[:, :, 5] += 2.0 * active[:, :1]
    mask = rng.random((count, 4)) < 0.8
    mask[:, 0] = True
    expression = np.eye(8, dtype=np.float32)[classes]
    targets = {"expression": expression, "valence_arousal": feeling, "action_units": active.astype(np.float32)}
    compound = np.full((count, 7), np.nan, np.float32)
    arrays = {"steps": steps, "mask": mask, "times": np.zeros(mask.shape, np.int64), **targets, "compound": compound}
    return held({name: torch.from_numpy(array) for name, array in arrays.items()})


TRAIN, DEV = rows(96, 0), rows(40, 1)
DATA = Data(TRAIN, DEV)


def objective_for(head, train=TRAIN, **settings):
    """Make an objective with a little noise."""
    return HeadObjective(head, train, FitSettings(**{"jitter": 0.1, **settings}))


def fitted(settings=QUICK, data=DATA, seed=7, head=None, objective=None, **hooks):
    """Fit a head; return it and its score."""
    head = head or make_head("mean")
    score = fit(head, objective or objective_for(head), data, settings, seed=seed, **hooks)
    return head, score


def same_weights(one, other):
    """Whether two heads are the same to the last bit."""
    return all(np.array_equal(value, other.state()[name]) for name, value in one.state().items())
