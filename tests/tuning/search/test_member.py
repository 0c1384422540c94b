"""A member's trials: what the one loop would do, epoch by epoch, also when a trial goes on in another process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ensemble.plan import Plan
from tests.tuning import tiny
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.fit import Data, Kept, fit
from tuning.members import Fitting, Known, begin
from tuning.recipe import parse_recipe
from tuning.search.point import laid_over
from tuning.search.trials.folds import folds, groups_of
from tuning.search.trials.member import SCORE, MemberTask
from tuning.train import Job, sides_of

pytestmark = pytest.mark.slow

MEMBER = "face.static"
POINT = {"face.static.dropout": 0.3, "fit.face.static.lr": 0.02}


@pytest.fixture(scope="module")
def recipe():
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    return parse_recipe({**table, "fit": {"default": {"epochs": 15, "patience": 15, "lr": 0.01}}})


@pytest.fixture(scope="module")
def rows(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("member")
    plan = Plan.of(recipe.ensemble)
    tiny.make(folder / "corpus", folder / "encodings", plan)
    sides = sides_of(Job(recipe, {tiny.READER: folder / "corpus"}, folder / "encodings", folder).read())
    member = next(one for one in plan.members if one.name == MEMBER)
    fitting = Fitting(plan, member, recipe.fitting(MEMBER), recipe.seed, EncodingCache(folder / "encodings", plan))
    for side in ("train", "dev"):
        fitting.keep(sides[side], folder / side)
    return folder


def scores(worker):
    found, over = [], False
    while not over:
        values, over = worker.go_on()
        found.append(values[SCORE])
    return found


def test_a_trial_is_the_one_loop_looked_at_in_between(recipe, rows):
    worker = MemberTask(recipe, MEMBER, rows, 0).open()
    worker.begin(POINT)
    found = scores(worker)
    laid = laid_over(recipe, POINT)
    head = Plan.of(laid.ensemble).heads[MEMBER]
    assert head.config.dropout == 0.3
    data, settings = Data(Kept.open(rows / "train"), Kept.open(rows / "dev")), laid.fitting(MEMBER)
    objective = begin(head, data.train, settings, laid.seed)
    assert found[-1] == fit(head, objective, data, settings, seed=laid.seed)
    assert found == sorted(found)  # the best so far
    assert len(found) == 8  # fifteen epochs, two at a time


def test_one_worker_takes_point_after_point_as_if_each_were_the_first(recipe, rows):
    worker = MemberTask(recipe, MEMBER, rows, 0).open()
    worker.begin(POINT)
    first = scores(worker)
    worker.begin({"face.static.dropout": 0.0, "fit.face.static.lr": 0.001})
    other = scores(worker)
    worker.begin(POINT)
    assert scores(worker) == first != other


@pytest.mark.parametrize("count", [0, 2])
def test_a_trial_goes_on_elsewhere_as_if_nothing_had_happened(recipe, rows, count, tmp_path):
    task = MemberTask(recipe, MEMBER, rows, count)
    whole, before, after = task.open(), task.open(), task.open()
    for worker in (whole, before, after):
        worker.begin(POINT)
    found = scores(whole)
    begun = [before.go_on()[0][SCORE] for _ in range(3)]
    torch.save(before.state(), tmp_path / "state")
    after.restore(torch.load(tmp_path / "state", weights_only=True))
    assert begun + scores(after) == found


def test_nobody_is_learnt_and_judged_at_once():
    def known(subject, source=0):
        return Known(LabelledClip("a", Path("a.mp4"), subject, "dev", AtTimes(np.zeros(0, np.int64)), {}), source)

    assert groups_of([known("ann"), known("bob"), known("ann"), known("ann", source=1)]) == (0, 1, 0, 2)
    assert groups_of([known("ann"), known("ann")]) == (0, 1)  # of one person, clips are all there is to part


def test_folds_part_clips_and_judge_every_row_once():
    clips = np.array([4, 4, 7, 7, 7, 9, 11, 11])
    cut = list(folds(clips, 3))
    assert len(cut) == 3
    assert sorted(np.concatenate([judge for _, judge in cut]).tolist()) == list(range(8))
    for learn, judge in cut:
        assert not set(clips[learn]) & set(clips[judge])
        assert len(learn) + len(judge) == 8
    assert len(list(folds(clips, 10))) == 4  # as many as there are clips
    with pytest.raises(ValueError, match="needs at least 2 clips, but there is 1"):
        list(folds(np.zeros(5), 2))
