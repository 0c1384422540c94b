"""A whole training run on a tiny corpus: directly, again, and under Ray Train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from tests.tuning import tiny
from tuning.encodings import EncodingCache, fingerprint
from tuning.evaluation import FUSED, MEAN, evaluate
from tuning.launch import fit_directly, fit_on_ray
from tuning.train import FUSION, MAPPING, Job, Step, read_scores

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("tiny")
    recipe = tiny.recipe()
    tiny.make(folder / "corpus", folder / "encodings", Plan.of(recipe.ensemble))
    return Job(recipe, {recipe.corpora[0]: folder / "corpus"}, folder / "encodings", folder / "fit")


@pytest.fixture(scope="module")
def steps(job: Job) -> list[Step]:
    told: list[Step] = []
    fit_directly(job, told.append)
    return told


def weights(job: Job) -> dict[str, np.ndarray]:
    plan = Plan.of(job.recipe.ensemble)
    states = {name: type(head).load(job.out / name).state() for name, head in plan.heads.items()}
    states[FUSION] = type(plan.fusion).load(job.out / FUSION).state()
    return {f"{part}/{name}": value for part, state in states.items() for name, value in state.items()}


def test_every_part_is_fitted_in_order_and_saved(job: Job, steps: list[Step]) -> None:
    assert [step.part for step in steps if step.share == 1.0][-1] == FUSION
    assert {step.part for step in steps} == {"face.static", "audio.attention", FUSION}
    assert all((job.out / part / "part.json").is_file() for part in ("face.static", "audio.attention", FUSION, MAPPING))


def test_a_run_goes_on_with_the_parts_that_are_missing(job: Job, steps: list[Step]) -> None:
    again: list[Step] = []
    before = weights(job)
    fit_directly(job, again.append)
    members = [step for step in again if step.part != FUSION]
    assert [step.epoch for step in members] == [None, None], "told that they are there, not fitted epoch by epoch"
    for name, value in weights(job).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_run_that_goes_on_tells_the_metrics_of_all_parts(job: Job, steps: list[Step], tmp_path: Path) -> None:
    def stop_at_the_second(step: Step) -> None:
        if step.part == "audio.attention":
            raise KeyboardInterrupt

    other = replace(job, out=tmp_path / "fit")
    with pytest.raises(KeyboardInterrupt):
        fit_directly(other, stop_at_the_second)
    assert set(read_scores(other.out)) == {"face.static"}
    told = {step.part: step.score for step in steps if step.epoch is None}
    assert fit_directly(other, lambda _: None) == told == read_scores(other.out)
    assert list(told) == ["face.static", "audio.attention", FUSION]
    assert all(score > 0.5 for score in told.values())


def test_the_metric_of_a_part_is_that_of_its_best_epoch(steps: list[Step]) -> None:
    for part in ("face.static", "audio.attention"):
        *epochs, ready = [step for step in steps if step.part == part]
        assert ready.score == max(step.score for step in epochs)
        assert [step.epoch for step in epochs] == list(range(len(epochs)))


def test_the_same_seed_gives_the_same_metrics_and_weights(job: Job, steps: list[Step], tmp_path: Path) -> None:
    other, again = replace(job, out=tmp_path / "fit"), list[Step]()
    assert fit_directly(other, again.append) == read_scores(job.out)
    assert again == steps
    for name, value in weights(other).items():
        np.testing.assert_array_equal(value, weights(job)[name])


def test_another_seed_gives_other_weights(job: Job, steps: list[Step], tmp_path: Path) -> None:
    other = replace(job, recipe=job.recipe.model_copy(update={"seed": 8}), out=tmp_path / "fit")
    fit_directly(other, lambda _: None)
    assert any((value != weights(job)[name]).any() for name, value in weights(other).items())


def test_a_part_that_was_half_written_is_fitted_again(job: Job, steps: list[Step], tmp_path: Path) -> None:
    other = replace(job, out=tmp_path / "fit")
    (other.out / ".face.static.12345").mkdir(parents=True)  # what a kill during a save leaves behind
    fit_directly(other, lambda _: None)
    for name, value in weights(other).items():
        np.testing.assert_array_equal(value, weights(job)[name])


def test_compounds_in_another_order_are_refused(job: Job, tmp_path: Path) -> None:
    ensemble = job.recipe.ensemble
    turned = ensemble.model_copy(update={"compounds": dict(reversed(ensemble.compounds.items()))})
    other = replace(job, recipe=job.recipe.model_copy(update={"ensemble": turned}), out=tmp_path / "fit")
    with pytest.raises(ValueError, match="in this order"):
        fit_directly(other, lambda _: None)


def test_a_corpus_without_compound_labels_is_trained_and_scored(job: Job, tmp_path: Path) -> None:
    (folder,) = job.corpora.values()
    other = replace(job, corpora={"tests.tuning.tiny:read_without_compounds": folder}, out=tmp_path / "fit")
    fit_directly(other, lambda _: None)
    plan = Plan.of(job.recipe.ensemble)
    test = tiny.read_without_compounds(folder).split("test")
    results = evaluate(Recognizer(plan), test, EncodingCache(job.encodings, plan))
    assert all(result.compound is None for result in results)


def test_every_setting_that_changes_what_is_perceived_changes_the_key() -> None:
    settings = tiny.recipe().ensemble
    before = fingerprint(Plan.of(settings))
    cues = {**settings.cues, "faces": {**settings.cues["faces"], "cut": 0.5}}
    assert fingerprint(Plan.of(settings.model_copy(update={"cues": cues}))) != before
    said_aloud = {**settings.cues, "faces": {**settings.cues["faces"], "gap": 1.0}}  # the default
    assert fingerprint(Plan.of(settings.model_copy(update={"cues": said_aloud}))) == before


def test_evaluation_knows_absence_from_error(job: Job, steps: list[Step]) -> None:
    plan = Plan.of(job.recipe.ensemble)
    plan = replace(
        plan,
        heads={name: type(head).load(job.out / name) for name, head in plan.heads.items()},
        fusion=type(plan.fusion).load(job.out / FUSION),
        mapping=type(plan.mapping).load(job.out / MAPPING),
    )
    cache = EncodingCache(job.encodings, plan)
    test = tiny.read(*job.corpora.values()).split("test")
    results = {result.name: result for result in evaluate(Recognizer(plan), test, cache)}
    assert list(results) == [FUSED, MEAN, "face.static", "audio.attention"]
    assert results[FUSED].expression.f1 > 0.9
    assert results[FUSED].compound.f1 > 0.9
    assert results["face.static"].expression.present == 1.0
    # "Other" is silent: eight states show a sure basic expression, in seven of them somebody speaks.
    assert results["audio.attention"].expression.present == pytest.approx(7 / 8)
    assert results["audio.attention"].expression.f1 < results["audio.attention"].expression.uar_present


@pytest.mark.ray
def test_ray_train_gives_what_the_direct_run_gives(job: Job, steps: list[Step], tmp_path: Path) -> None:
    from tuning.cluster import running

    other = replace(job, out=tmp_path / "fit")
    told: list[Step] = []
    with running(cpus=2):
        scores = fit_on_ray(other, told.append)
    assert scores == pytest.approx(read_scores(job.out), abs=1e-6)
    assert [step.epoch for step in told] == [step.epoch for step in steps], "every epoch arrives here, in order"
    assert [step.part for step in told if step.share == 1.0][-1] == FUSION
    for name, value in weights(other).items():
        np.testing.assert_allclose(value, weights(job)[name], atol=1e-6)
