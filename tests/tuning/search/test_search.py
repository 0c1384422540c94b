"""A whole search on the tiny corpus: what is found, what is written, and that it is gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from ensemble import bundle
from ensemble.plan import Plan
from tests.tuning import tiny
from tuning.cluster import running
from tuning.recipe import Recipe, RecipeError, parse_recipe
from tuning.search.asking import Asking
from tuning.search.error import SearchError
from tuning.search.provenance import won
from tuning.search.run import Found, search
from tuning.search.trials.member import MemberTask
from tuning.stages import Stages

QUIET = Stages(Console(quiet=True))
SEARCH = {
    "face.static.dropout": {"low": 0.0, "high": 0.4},
    "fit.face.static.lr": {"low": 0.001, "high": 0.1},
    "fusion.kind": ["mean", "mhpf"],
    "mapping.kind": ["ppa", "product"],
    "members": {},
}


def recipe(**changes: object) -> Recipe:
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    fit = {"default": {"epochs": 12, "lr": 0.01}, "fusion": {"epochs": 5, "lr": 0.05}}
    tune = {"trials": 5, "folds": 2, "objectives": ["tasks", "members"], "limits": {"members": 1}}
    return parse_recipe({**table, "fit": fit, "search": SEARCH, "tune": tune, **changes})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the corpus, encoded in a cache of its own."""
    folder = tmp_path_factory.mktemp("search")
    own = tiny.cache(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWOFOLD_CACHE", str(own))
        tiny.make(folder / "corpus", own / "encodings", Plan.of(tiny.recipe().ensemble))
        for path in (folder / "corpus").glob("test-*.clip"):
            path.unlink()  # nothing may ask for them
        yield folder / "corpus"


@pytest.fixture(scope="module")
def asking(corpus: Path) -> Asking:
    return Asking(jobs=1, storage=f"sqlite:///{corpus.parent / 'studies.db'}", workers=0)


@pytest.fixture(scope="module")
def found(corpus: Path, asking: Asking) -> Found:
    with running(cpus=2):
        return search(recipe(), {tiny.READER: corpus}, corpus.parent / "out", asking, QUIET)


pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def test_a_member_and_then_the_ensemble_are_swept(found: Found) -> None:
    assert [outcome.name for outcome in found.outcomes] == ["face.static", "ensemble"]
    for outcome in found.outcomes:
        assert len(outcome.trials) == 5
        assert not any(trial.problem for trial in outcome.trials)
        first = outcome.trials[0].settings
        assert found.first[outcome.name] == outcome.trials[0].values[outcome.objectives[0].name]
        assert {"face.static.dropout": 0.15, "fusion.kind": "mhpf"}.items() & first.items()
    member, together = found.outcomes
    best = member.best()
    assert best is not None
    finalists = {trial.number for trial in member.ranked()[:3]} | {0}
    assert best.number == member.chosen
    assert member.chosen in finalists, "one of the best, or the recipe's own, when they were fitted again"
    assert any(trial.state == "stopped" for trial in member.trials)
    assert {tuple(sorted(trial.values)) for trial in together.trials} == {
        tuple(sorted(("tasks", "macro_f1", "uar", "compound_f1", "va_ccc", "au_f1", "average", "ece", "members")))
    }


def test_the_winner_keeps_the_limit_and_is_a_bundle(found: Found) -> None:
    best = found.outcomes[1].best({"members": 1})
    assert best is not None
    assert best.values["members"] == 1
    with bundle.load(found.bundle) as recognizer:
        plan = recognizer.plan
    (member,) = (member.name for member in plan.members)
    assert best.settings[f"members.{member}"] is True
    assert set(plan.cues) == ({"faces"} if member == "face.static" else {"speech"})
    assert plan.fusion.name == best.settings["fusion.kind"]
    assert plan.mapping.name == best.settings["mapping.kind"]
    dropout = found.outcomes[0].best().settings["face.static.dropout"]
    if member == "face.static":
        assert plan.heads[member].config.dropout == dropout
    told = bundle.read_manifest(found.bundle)["provenance"]["search"]
    assert [one["sweep"] for one in told] == ["face.static", "ensemble"]
    assert told[0]["winner"]["face.static.dropout"] == dropout
    assert told[1]["limits"] == {"members": 1}
    assert told[1]["values"]["tasks"] == best.values["tasks"]
    assert set(bundle.read_manifest(found.bundle)["provenance"]["dev_scores"]) == {member, "fusion"}


def test_trials_are_tables_and_pictures(found: Found, corpus: Path) -> None:
    for outcome in found.outcomes:
        folder = corpus.parent / "out" / "search" / outcome.name
        for table in (pd.read_csv(folder / "trials.csv"), pd.read_parquet(folder / "trials.parquet")):
            assert len(table) == 5
        for name in ("history", "importance"):
            with Image.open(folder / f"{name}.png") as picture:
                assert min(picture.size) >= 300
    assert (corpus.parent / "out" / "search" / "ensemble" / "pareto.png").exists()


def test_the_studies_can_be_read_by_others(found: Found, asking: Asking) -> None:
    for outcome in found.outcomes:
        study = optuna.load_study(study_name=f"tiny.{outcome.name}", storage=asking.storage)
        told = [trial.values[0] for trial in study.trials if trial.values]
        assert told == pytest.approx([trial.values[outcome.objectives[0].name] for trial in outcome.trials])


def test_it_goes_on_only_where_that_is_asked_and_only_with_the_same_search(
    found: Found, corpus: Path, asking: Asking
) -> None:
    out, corpora = corpus.parent / "out", {tiny.READER: corpus}
    with pytest.raises(SearchError, match="holds a search already; go on with --resume, or give another --out"):
        search(recipe(), corpora, out, asking, QUIET)
    with pytest.raises(SearchError, match="holds another search"):
        search(recipe(seed=8), corpora, out, replace(asking, resume=True), QUIET)
    again = search(recipe(), corpora, out, replace(asking, resume=True), QUIET)  # without Ray nothing can be tried
    assert again.outcomes == found.outcomes


def test_what_cannot_be_searched_is_said_before_anything_is_made(corpus: Path, tmp_path: Path) -> None:
    def begin(**changes: object) -> None:
        search(recipe(**changes), {tiny.READER: corpus}, tmp_path / "out", Asking(jobs=1, workers=0), QUIET)

    with pytest.raises(RecipeError, match=r"searches face\.static\.colour, but face\.static declares a range for"):
        begin(search={"face.static.colour": {}})
    greedy, asking = recipe(tune={"sampler": "greedy"}), Asking(1, "sqlite:///x.db", workers=0)
    with pytest.raises(SearchError, match="a greedy search has no study of Optuna's to keep; leave --storage out"):
        search(greedy, {tiny.READER: corpus}, tmp_path / "out", asking, QUIET)
    assert not (tmp_path / "out").exists()


def test_limits_that_nobody_keeps_are_said(found: Found, corpus: Path, asking: Asking) -> None:
    with pytest.raises(SearchError, match="no trial of ensemble keeps members ≤ 0; allow more"):
        won(found.outcomes[1], {"members": 0})


def test_the_request_is_readable(found: Found, corpus: Path) -> None:
    assert json.loads((corpus.parent / "out" / "search" / "search.json").read_text())["recipe"] == "tiny"


def test_a_trial_may_have_several_workers(corpus: Path) -> None:
    """Two workers with half the batch each fit what one fits, inside Ray Train inside Ray Tune."""
    fit = {"default": {"epochs": 4, "lr": 0.01, "batch": 16}, "fusion": {"epochs": 2}}
    member = {"face.static.dropout": [0.0], "fit.face.static.batch": [8]}
    tune = {"trials": 1, "sampler": "exhaustive", "stop": "never", "workers": 2}
    wished = recipe(fit=fit, search=member, tune=tune)
    with running(cpus=3):
        out, asking = corpus.parent / "nested", Asking(jobs=2, workers=0)
        (outcome,) = search(wished, {tiny.READER: corpus}, out, asking, QUIET).outcomes
    assert [trial.state for trial in outcome.trials] == ["done"], [trial.problem for trial in outcome.trials]
    alone = MemberTask(wished, "face.static", out / "search" / "face.static" / "rows", 0).open()
    alone.begin({"face.static.dropout": 0.0, "fit.face.static.batch": 16})
    curve, over = [], False
    while not over:
        values, over = alone.go_on()
        curve.append(values["score"])
    assert outcome.trials[0].settings["fit.face.static.batch"] == 8
    assert outcome.trials[0].curve == pytest.approx(curve, abs=1e-4)
