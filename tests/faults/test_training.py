"""A training run that is killed with SIGKILL at a random step, and started again, ends where an unkilled one ends."""

from __future__ import annotations

import json
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.plan import Plan
from tests.faults.driver import EPOCHS, SWITCHED_ON, TWINS, job
from tests.faults.runs import started
from tests.tuning import tiny
from tuning.encodings import EncodingCache
from tuning.fusing import fusion_rows, listen
from tuning.fusion_objective import FusionObjective
from tuning.launch import PROGRESS_FILE, fit_directly, steps_in
from tuning.members import Fitting, Known
from tuning.objectives import HeadObjective
from tuning.train import FUSION, Job, Step

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(600)]
MEMBERS = ("face.static", "audio.attention")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("faults")
    tiny.make(made / "corpus", made / "encodings", Plan.of(tiny.recipe().ensemble))
    return made


@pytest.fixture(scope="module")
def unkilled(folder: Path) -> dict[str, float]:
    """The dev metric of every part of a run that nobody disturbs."""
    whole = job(folder, folder / "unkilled", SWITCHED_ON)
    told = fit_directly(whole, lambda _: None)
    judged = dev_metrics(whole)
    assert judged == pytest.approx(told, abs=1e-6)
    return judged


def dev_metrics(run: Job) -> dict[str, float]:
    """Judge on dev what a run has saved."""
    plan = Plan.of(run.recipe.ensemble)
    heads = {name: type(head).load(run.out / name).eval() for name, head in plan.heads.items()}
    plan = replace(plan, heads=heads, fusion=type(plan.fusion).load(run.out / FUSION))
    cache = EncodingCache(run.encodings, plan)
    (corpus,) = run.read()
    known = [Known(clip, 0) for clip in corpus.split("dev")]
    found: dict[str, float] = {}
    with torch.no_grad():
        for member in plan.members:
            settings = run.recipe.fitting(member.name)
            rows = Fitting(plan, member, settings, 0, cache).keep(known, run.out / "judged" / member.name)
            found[member.name] = HeadObjective(heads[member.name], rows, settings).score(heads[member.name], rows)
        kinds = {name: task.kind for name, task in plan.tasks.items()}
        objective = FusionObjective(kinds, dropout=0.0, pull=0.0)
        found[FUSION] = objective.score(plan.fusion, fusion_rows(plan, listen(plan, known, cache)))
    return found


def told(out: Path) -> list[Step]:
    """Read the epochs of members that a run has told of."""
    log = out / PROGRESS_FILE
    return epochs_in(list(steps_in(log.read_text().splitlines()))) if log.exists() else []


def epochs_in(steps: list[Step]) -> list[Step]:
    """Leave out the steps that say that a part is ready, and those of the fusion."""
    return [step for step in steps if step.epoch is not None and step.part in MEMBERS]


def epochs_of(steps: list[Step]) -> list[tuple[str, int]]:
    """Part and number of each epoch."""
    return [(step.part, step.epoch) for step in steps if step.epoch is not None]


def test_a_worker_is_killed(folder: Path, unkilled: dict[str, float]) -> None:
    out, step = folder / "worker", random.SystemRandom().randrange(3, 2 * EPOCHS - 5)
    with started("train", folder, out, log=folder / "worker.log") as run:
        run.until(lambda: len(told(out)) >= step)
        (worker,) = run.find("TrainWorker")
        os.kill(worker, signal.SIGKILL)
        run.finish()
    epochs = epochs_of(told(out))
    assert len(set(epochs)) >= 2 * EPOCHS - 1, "all of them but one that was not told before the kill"
    assert len(epochs) <= 2 * EPOCHS + 1, f"killed after {step} epochs, it did {len(epochs) - 2 * EPOCHS} again"
    assert dev_metrics(job(folder, out, SWITCHED_ON)) == pytest.approx(unkilled, abs=1e-6)


def test_the_driver_is_killed(folder: Path, unkilled: dict[str, float]) -> None:
    out, step = folder / "driver", random.SystemRandom().randrange(3, 2 * EPOCHS - 5)
    with started("train", folder, out, log=folder / "driver.log") as run:
        run.until(lambda: len(told(out)) >= step)
        run.kill()
        before = epochs_of(told(out))
        with started("train", folder, out, log=folder / "driver.log") as again:  # at once: the old workers still live
            again.finish()
        after = epochs_of(told(out))
    assert len(before) >= step
    assert set(after).isdisjoint(before[:step]), f"killed after {step} epochs, it did some of them again"
    assert dev_metrics(job(folder, out, SWITCHED_ON)) == pytest.approx(unkilled, abs=1e-6)


def test_two_workers_are_one_with_twice_the_batch(folder: Path) -> None:
    out, steps = folder / "twins", list[Step]()
    with started("twins", folder, out, log=folder / "twins.log") as run:
        run.finish()
    one = job(folder, folder / "one", {**TWINS, "batch": 2 * TWINS["batch"]}, dropout=0.0)
    scores = fit_directly(one, steps.append)
    losses = [step.loss for step in epochs_in(steps)]
    assert len(losses) == 2 * TWINS["epochs"]
    np.testing.assert_allclose([step.loss for step in told(out)], losses, atol=1e-4)
    assert json.loads((out / "scores.json").read_text()) == pytest.approx(scores, abs=1e-4)
