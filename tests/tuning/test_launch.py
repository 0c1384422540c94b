"""What goes wrong in a worker of Ray Train, with real ones: what would come again is not tried again, and arrives here
as it does from this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import twofold
from ensemble.plan import Plan
from tests.tuning import tiny
from tuning.cluster import running
from tuning.corpora.corpus import Corpus, CorpusError
from tuning.fit.world import World
from tuning.launch import fit_directly, fit_on_ray
from tuning.recipe import parse_recipe
from tuning.train import Job

pytestmark = pytest.mark.ray
NOTED = "read-by-{}"


def read_on_one(folder: Path) -> Corpus:
    """Read the tiny corpus; the second of two workers finds it broken. How often each reads it is noted beside it."""
    rank = World.here().rank
    with (folder / NOTED.format(rank)).open("a") as notes:
        notes.write("once\n")
    if rank == 1:
        raise CorpusError("tiny", ["the table ends in the middle; copy it anew", "a clip is missing"])
    return tiny.read(folder)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("launched")
    recipe = tiny.recipe()
    tiny.make(folder / "corpus", folder / "encodings", Plan.of(recipe.ensemble))
    return Job(recipe, {tiny.READER: folder / "corpus"}, folder / "encodings", folder / "fit")


@pytest.fixture(scope="module", autouse=True)
def ray():
    with running(cpus=2):
        yield


def test_a_corpus_that_one_of_two_workers_cannot_read_ends_both_at_once(job: Job, tmp_path: Path) -> None:
    (folder,) = job.corpora.values()
    broken = replace(job, corpora={"tests.tuning.test_launch:read_on_one": folder}, out=tmp_path / "fit")
    with pytest.raises(CorpusError) as raised:
        fit_on_ray(broken, lambda _: None, workers=2)
    assert str(raised.value) == str(CorpusError("tiny", ["the table ends in the middle; copy it anew", ""]))
    assert raised.value.problems[1] == "a clip is missing"
    noted = [path.read_text() for rank in (0, 1) if (path := folder / NOTED.format(rank)).exists()]
    assert noted in (["once\n"], ["once\n", "once\n"]), "the other may be ended before it has looked; none looks twice"


def test_a_loss_that_explodes_is_the_same_sentence_from_a_worker(job: Job, tmp_path: Path) -> None:
    fit = {"default": {"epochs": 3, "lr": 1e30, "clip": 1e30}}
    table = {**job.recipe.model_dump(mode="json", exclude_defaults=True), "fit": fit}
    wild = replace(job, recipe=parse_recipe(table), out=tmp_path / "fit")
    said = []
    for launch in (fit_directly, fit_on_ray):
        with pytest.raises(FloatingPointError, match="lower it") as raised:
            launch(wild, lambda _: None)
        said.append((twofold.exit_code(raised.value), twofold.sentence(raised.value)))
    assert said[0] == said[1]
    assert said[0][0] == 1
