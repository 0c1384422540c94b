"""Tracking: what a fit tells of becomes TensorBoard event files, and goes to MLflow where that is configured.

    tensorboard --logdir runs
    MLFLOW_TRACKING_URI=sqlite:///mlflow.db twofold train …          # needs twofold[mlflow]

Each part has its `loss` and its `dev` metric per epoch; the whole fit has its settings, its manifest, and the metric
that each part was chosen by (`best`). A fit that goes on after it was stopped writes on in the same place, and no epoch
stands there twice.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboardX import SummaryWriter

from modalities.whole import whole

if TYPE_CHECKING:
    from tuning.train import Step

Report = Callable[["Step"], None]
MLFLOW_RUN_FILE = "mlflow_run"
_MLFLOW = "MLFLOW_TRACKING_URI"
_IMPATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # else several minutes
_NO_NAME = re.compile(r"[^\w\-. :/]")
"""What MLflow takes in no name."""
_PASSWORD = re.compile(r"(?<=:)[^/:@]*(?=@)")


class TrackingError(RuntimeError):
    """MLflow is configured, but cannot be used."""


def check_tracking() -> None:
    """Open the store of MLflow, where one is configured: before minutes of work, not after.

    Raises TrackingError where MLflow is missing or its store cannot be opened.
    """
    if not os.environ.get(_MLFLOW):
        return
    if find_spec("mlflow") is None:
        raise TrackingError(
            f"{_MLFLOW} is set, but MLflow is not installed; install twofold[mlflow], or unset the variable"
        )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _impatient():
            mlflow.MlflowClient().search_experiments(max_results=1)
    except (mlflow.MlflowException, SQLAlchemyError, ValueError, ImportError) as error:
        why = str(error).partition("\n")[0]
        raise TrackingError(f"MLflow at {_address()} cannot be used ({why}); mend or unset {_MLFLOW}") from error


def _address() -> str:
    """Say where MLflow is, without a password."""
    return _PASSWORD.sub("…", os.environ[_MLFLOW])


@contextmanager
def _impatient() -> Iterator[None]:
    """Have MLflow give up on a server soon, unless it was told how long to wait."""
    told = {name: value for name, value in _IMPATIENCE.items() if name not in os.environ}
    os.environ |= told
    try:
        yield
    finally:
        for name in told:
            del os.environ[name]


@contextmanager
def tracked(fit: Path, board: Path, manifest: Mapping[str, Any]) -> Iterator[Report]:
    """Hand out who is to be told of the steps of a fit: its folder, that of its event files, and how it came about.

    Raises TrackingError where MLflow does not answer.
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(_on_board(board, manifest))]
        if os.environ.get(_MLFLOW):
            listeners.append(stack.enter_context(_in_mlflow(fit, manifest)))

        def report(step: Step) -> None:
            for tell in listeners:
                tell(step)

        yield report


def settings_of(table: Mapping[str, Any], within: str = "") -> dict[str, str | float]:
    """Return the settings of a nested table under dotted names; what is neither number nor text as JSON."""
    flat: dict[str, str | float] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= settings_of(value, f"{within}{key}.")
        else:
            flat[_NO_NAME.sub("_", within + key)] = value if isinstance(value, str | float | int) else json.dumps(value)
    return flat


def _points(step: Step) -> dict[str, float]:
    values = {"best": step.score} if step.epoch is None else {"loss": step.loss, "dev": step.score}
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def _on_board(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Report]:
    board = _Board(folder)
    with _writer(folder, since=0) as about:
        about.add_text("manifest", f"```json\n{json.dumps(manifest, indent=2)}\n```")
        try:
            yield board
        finally:
            board.close()
        about.add_hparams(settings_of(manifest["recipe"]), board.best, name="settings")


class _Board:
    """Event files: a folder for each part, so that TensorBoard draws the same curve of all parts in one picture."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._writers, self._last = folder, dict[str, SummaryWriter](), dict[str, int]()
        self.best: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        if step.epoch is None:
            self.best |= {f"{name}/{step.part}": value for name, value in _points(step).items()}
        elif step.epoch > self._last.get(step.part, -1):  # a worker that was killed does some epochs again
            if step.part not in self._writers:
                self._writers[step.part] = _writer(self._folder / step.part, since=step.epoch)
            for name, value in _points(step).items():
                self._writers[step.part].add_scalar(name, value, step.epoch)
            self._last[step.part] = step.epoch

    def close(self) -> None:
        """Write what is left."""
        for writer in self._writers.values():
            writer.close()


def _writer(folder: Path, since: int) -> SummaryWriter:
    """Write on in a folder; TensorBoard forgets what stood there of this epoch and of later ones."""
    order = f".{time.time_ns()}"  # files are read in the order of their names, which else count seconds
    return SummaryWriter(str(folder), purge_step=since, flush_secs=1, filename_suffix=order)


@contextmanager
def _in_mlflow(fit: Path, manifest: Mapping[str, Any]) -> Iterator[Report]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    recipe = manifest["recipe"]
    try:
        with _mlflow_run(fit / MLFLOW_RUN_FILE, recipe["name"]) as run:
            told = run.data.params  # cannot be changed; what does not decide the fit may be another by now
            mlflow.log_params({name: value for name, value in settings_of(recipe).items() if name not in told})
            mlflow.log_dict(manifest, "manifest.json")
            yield _Metrics(run.info.run_id)
    except mlflow.MlflowException as error:
        raise TrackingError(
            f"MLflow at {_address()} cannot be used ({error}); mend or unset {_MLFLOW}, and train again: "
            "what was fitted is kept"
        ) from error


def _mlflow_run(noted: Path, name: str) -> Any:
    """Go on with the run that a fit has noted, or begin one."""
    import mlflow

    if noted.exists():
        with suppress(mlflow.MlflowException):  # it is not at this address, or was deleted
            return mlflow.start_run(run_id=noted.read_text(encoding="utf-8"))
    run = mlflow.start_run(run_name=name)
    with whole(noted) as unfinished:
        unfinished.write_text(run.info.run_id, encoding="utf-8")
    return run


class _Metrics:
    """The metrics of a run of MLflow; what was told before the fit was stopped is not told again."""

    def __init__(self, run: str) -> None:
        self._run, self._last = run, dict[str, int]()

    def __call__(self, step: Step) -> None:
        import mlflow

        number = step.epoch or 0
        named = {_NO_NAME.sub("_", f"{step.part}/{name}"): value for name, value in _points(step).items()}
        new = {name: value for name, value in named.items() if number > self._told(name)}
        if new:
            mlflow.log_metrics(new, step=number, run_id=self._run)
            self._last |= dict.fromkeys(new, number)

    def _told(self, name: str) -> int:
        import mlflow

        if name not in self._last:
            history = mlflow.MlflowClient().get_metric_history(self._run, name)
            self._last[name] = max((metric.step for metric in history), default=-1)
        return self._last[name]
