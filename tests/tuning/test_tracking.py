"""What a fit tells of, read back from real event files and a real MLflow store, also where the fit was stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import twofold
from ensemble.plan import Plan
from tests.tuning import tiny
from tuning.launch import fit_directly
from tuning.recipe import parse_recipe
from tuning.tracking import MLFLOW_RUN_FILE, TrackingError, check_tracking, settings_of, tracked
from tuning.train import FUSION, Job, Step

pytestmark = pytest.mark.slow

ROOT = Path(twofold.__file__).parent
EPOCHS = {"face.static": 6, "audio.attention": 6, FUSION: 4}


class Stopped(Exception):  # noqa: N818  nothing is wrong
    """What stops a fit here."""


@pytest.fixture(autouse=True)
def no_mlflow(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Job:
    folder = tmp_path_factory.mktemp("tracked")
    fit = {"default": {"epochs": 6, "patience": 6}, FUSION: {"epochs": 4}}
    recipe = parse_recipe({**tiny.recipe().model_dump(mode="json", exclude_defaults=True), "fit": fit})
    tiny.make(folder / "corpus", folder / "encodings", Plan.of(recipe.ensemble))
    return Job(recipe, {tiny.READER: folder / "corpus"}, folder / "encodings", folder / "fit")


def fit(job: Job, board: Path, stop_at: tuple[str, int] | None = None) -> list[Step]:
    """Fit and track; returns what was told."""
    told: list[Step] = []
    with tracked(job.out, board, {"recipe": job.recipe.model_dump(mode="json"), "data": "drawn"}) as track:

        def report(step: Step) -> None:
            told.append(step)
            track(step)
            if (step.part, step.epoch) == stop_at:
                raise Stopped

        fit_directly(job, report)
    return told


def stopped_and_again(job: Job, board: Path, stop_at: tuple[str, int]) -> None:
    with pytest.raises(Stopped):
        fit(job, board, stop_at)
    fit(job, board)


def curves(folder: Path, tag: str) -> list[tuple[int, float]]:
    read = EventAccumulator(str(folder))
    read.Reload()
    return [(event.step, event.value) for event in read.Scalars(tag)] if tag in read.Tags()["scalars"] else []


def told_of(steps: list[Step], part: str, what: str) -> list[tuple[int, float]]:
    return [
        (step.epoch, pytest.approx(getattr(step, what)))
        for step in steps
        if step.part == part and step.epoch is not None
    ]


def test_every_epoch_of_every_part_is_a_point_of_its_curves(made: Job, tmp_path: Path) -> None:
    told = fit(replace(made, out=tmp_path / "fit"), tmp_path / "board")
    for part, epochs in EPOCHS.items():
        losses = curves(tmp_path / "board" / part, "loss")
        assert losses == told_of(told, part, "loss")
        assert [epoch for epoch, _ in losses] == list(range(epochs))
    assert curves(tmp_path / "board" / "face.static", "dev") == told_of(told, "face.static", "score")
    assert curves(tmp_path / "board" / FUSION, "dev") == [], "the fusion learns from dev: nothing judges its epochs"


def test_the_settings_the_manifest_and_what_was_chosen_stand_beside_the_curves(made: Job, tmp_path: Path) -> None:
    told = fit(replace(made, out=tmp_path / "fit"), tmp_path / "board")
    about = EventAccumulator(str(tmp_path / "board"))
    about.Reload()
    (text,) = about.Tensors("manifest/text_summary")
    assert '"data": "drawn"' in text.tensor_proto.string_val[0].decode()
    settings = EventAccumulator(str(tmp_path / "board" / "settings"))
    settings.Reload()
    (began,) = [said for tag, said in settings.PluginTagToContent("hparams").items() if "session_start" in tag]
    assert b"ensemble.modalities.face.settings.encoder.kind" in began
    assert b"blendshapes" in began
    ready = {step.part: step.score for step in told if step.epoch is None}
    assert set(ready) == set(EPOCHS)
    for part, score in ready.items():
        assert curves(tmp_path / "board" / "settings", f"best/{part}") == [(0, pytest.approx(score))]


@pytest.mark.parametrize("save_every", [0, 1000], ids=["goes on", "begins the member again"])
@pytest.mark.parametrize("stop_at", [("face.static", 3), ("audio.attention", 2), (FUSION, 1)], ids=str)
def test_a_fit_that_was_stopped_has_every_epoch_once(made: Job, tmp_path: Path, stop_at, save_every) -> None:
    fit(replace(made, out=tmp_path / "whole"), tmp_path / "board" / "whole")
    job = replace(made, out=tmp_path / "fit", save_every=save_every)
    stopped_and_again(job, tmp_path / "board" / "stopped", stop_at)
    for part in EPOCHS:
        whole, stopped = (curves(tmp_path / "board" / name / part, "loss") for name in ("whole", "stopped"))
        assert stopped == whole


def test_epochs_that_a_worker_does_again_are_told_once(made: Job, tmp_path: Path) -> None:
    with tracked(tmp_path, tmp_path / "board", {"recipe": {}}) as track:
        for epoch in (0, 1, 2, 1, 2, 3):
            track(Step("face", 0, 2, 0.1, 0.5, epoch, 1.0 - 0.1 * epoch))
    assert [epoch for epoch, _ in curves(tmp_path / "board" / "face", "loss")] == [0, 1, 2, 3]


def test_settings_are_numbers_and_texts_under_names_that_every_tracker_takes() -> None:
    nested = {"lr": 0.1, "heads": {"a": {"tasks": ["x", "y"], "grid": None}}, "odd [name]": True}
    assert settings_of(nested) == {"lr": 0.1, "heads.a.tasks": '["x", "y"]', "heads.a.grid": "null", "odd _name_": True}


def test_mlflow_that_is_wanted_but_not_installed_is_said_in_one_sentence(tmp_path: Path) -> None:
    """In an environment with the packages of this one but MLflow, and torch, which takes long."""
    for place in {Path(entry) for entry in sys.path if entry.endswith("site-packages")}:
        for package in place.iterdir():
            if not package.name.startswith(("mlflow", "torch")):
                (tmp_path / package.name).symlink_to(package)
    paths = os.pathsep.join([str(ROOT), str(tmp_path)])
    child = {**os.environ, "PYTHONPATH": paths, "MLFLOW_TRACKING_URI": "sqlite:///here.db"}
    asked = [sys.executable, "-S", "-c", "from tuning.tracking import check_tracking; check_tracking()"]
    run = subprocess.run(asked, env=child, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 1
    assert "TrackingError: MLFLOW_TRACKING_URI is set, but MLflow is not installed; install" in run.stderr


def test_mlflow_that_is_not_wanted_is_not_asked_for(monkeypatch) -> None:
    check_tracking()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    check_tracking()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own of SQLAlchemy
class TestMLflow:
    """On a database of its own."""

    @pytest.fixture
    def client(self, tmp_path, monkeypatch):
        mlflow = pytest.importorskip("mlflow")
        monkeypatch.chdir(tmp_path)  # files of runs go below where it is called
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
        return mlflow.MlflowClient()

    def test_a_fit_that_was_stopped_is_one_run_with_every_epoch_once(self, made: Job, tmp_path: Path, client) -> None:
        job = replace(made, out=tmp_path / "fit", save_every=1000)
        stopped_and_again(job, tmp_path / "board", ("audio.attention", 2))
        (run,) = client.search_runs(["0"])
        assert (run.info.status, run.info.run_name) == ("FINISHED", "tiny")
        assert run.info.run_id == (job.out / MLFLOW_RUN_FILE).read_text()
        assert run.data.params["fit.default.epochs"] == "6"
        for part, epochs in EPOCHS.items():
            history = client.get_metric_history(run.info.run_id, f"{part}/loss")
            points = [(point.step, pytest.approx(point.value)) for point in history]
            assert points == curves(tmp_path / "board" / part, "loss")
            assert len(points) == epochs
            (best,) = client.get_metric_history(run.info.run_id, f"{part}/best")
            assert 0 < best.value <= 1
        manifest = client.download_artifacts(run.info.run_id, "manifest.json", str(tmp_path))
        assert json.loads(Path(manifest).read_text())["data"] == "drawn"

    def test_a_run_that_is_gone_is_begun_anew(self, made: Job, tmp_path: Path, client) -> None:
        (tmp_path / "fit").mkdir()
        (tmp_path / "fit" / MLFLOW_RUN_FILE).write_text("0" * 32)
        fit(replace(made, out=tmp_path / "fit"), tmp_path / "board")
        (run,) = client.search_runs(["0"])
        assert run.info.status == "FINISHED"

    def test_a_server_that_is_not_there_is_one_sentence(self, made: Job, tmp_path: Path, client, monkeypatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(TrackingError, match=r"MLflow at .* cannot be used") as raised:
            fit(replace(made, out=tmp_path / "fit"), tmp_path / "board")
        assert twofold.exit_code(raised.value) == 2

    @pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://[", "mysql+nothing://here/db", "odd://here"])
    def test_a_store_that_cannot_be_opened_is_said_before_the_work(self, client, monkeypatch, address: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        before = dict(os.environ)
        with pytest.raises(TrackingError) as raised:
            check_tracking()
        assert str(raised.value).startswith(f"MLflow at {address} cannot be used (")
        assert "\n" not in str(raised.value)
        assert {name for name in os.environ.keys() - before.keys() if "HTTP" in name} == set(), "as patient as before"

    def test_a_password_is_not_said(self, client, monkeypatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "mysql+nothing://me:secret@here/db")
        with pytest.raises(TrackingError, match=r"MLflow at mysql\+nothing://me:…@here/db cannot"):
            check_tracking()

    def test_a_store_that_can_be_opened_is_not_spoken_of(self, client) -> None:
        check_tracking()

    def test_what_does_not_decide_the_fit_may_change_before_it_goes_on(self, made: Job, tmp_path: Path, client) -> None:
        job = replace(made, out=tmp_path / "fit")
        with pytest.raises(Stopped):
            fit(job, tmp_path / "board", (FUSION, 1))
        changes = {"name": "renamed", "source": "code", "search": {"face.static.dropout": {"low": 0.1}}}
        renamed = parse_recipe({**job.recipe.model_dump(mode="json", exclude_defaults=True), **changes})
        fit(replace(job, recipe=renamed), tmp_path / "board")
        (run,) = client.search_runs(["0"])
        assert (run.info.status, run.data.params["name"]) == ("FINISHED", "tiny")
        assert run.data.params["search.face.static.dropout.low"] == "0.1"
