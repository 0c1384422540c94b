"""What a search is asked for, and the folder that it takes for itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from modalities.whole import whole
from tuning.recipe import Recipe
from tuning.search.error import SearchError
from tuning.storage import fetch, holds, send

REQUEST = "search.json"


@dataclass(frozen=True, slots=True)
class Asking:
    """What the command line asks for beside the recipe."""

    jobs: int
    """Trials at a time; 1 gives the same trials again with the same seed."""
    storage: str | None = None
    """Of Optuna's studies, as sqlite:///search.db; in memory if not given."""
    resume: bool = False
    workers: int = 1
    """Ray Train workers that fit the winners; 0 fits in this process."""


def claim(out: Path, recipe: Recipe, data: str, *, resume: bool) -> None:
    """Take a folder for this search; SearchError where another one, or this one unasked, is there."""
    unasked: dict[str, Any] = {"source": True, "corpora": True, "cluster": True, "tune": {"limits"}}
    about = [data, recipe.model_dump(mode="json", exclude=unasked)]
    request = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    refuse(out, resume=resume)
    path = out / "search" / REQUEST
    if not holds(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as unfinished:
            unfinished.write_text(json.dumps({"request": request, "recipe": recipe.name}), encoding="utf-8")
        send(path)
        return
    same = json.loads(fetch(path).read_text(encoding="utf-8"))["request"] == request
    if not same:
        raise SearchError(f"{out} holds another search (recipe, settings or clips differ); give another --out")


def refuse(out: Path, *, resume: bool) -> None:
    """Refuse, before minutes of work, a folder in which a search is already, or that is none."""
    if out.exists() and not out.is_dir():
        raise SearchError(f"{out} is a file, but a search writes a folder; give another --out")
    if holds(out / "search" / REQUEST) and not resume:
        raise SearchError(f"{out} holds a search already; go on with --resume, or give another --out")


def claim_study(asking: Asking, name: str) -> None:
    """See that a sweep which begins finds no study of its name: another search's trials would be taken for its own.

    What a search left behind that was killed before its first trial ended is forgotten; SearchError for any other.
    """
    if asking.storage is None or name not in optuna.study.get_all_study_names(asking.storage):
        return
    known = optuna.load_study(study_name=name, storage=asking.storage).trials
    if not asking.resume or any(trial.state == TrialState.COMPLETE for trial in known):
        raise SearchError(
            f"{asking.storage} holds the study {name} of an earlier search; give another database, or rename the recipe"
        )
    optuna.delete_study(study_name=name, storage=asking.storage)


def check_storage(url: str | None) -> None:
    """Refuse a place that Optuna cannot open, before minutes of work."""
    if url is None:
        return
    try:
        optuna.storages.RDBStorage(url)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise SearchError(
            f"--storage {url} cannot be opened ({said}); give a database as sqlite:///search.db"
        ) from error
