"""What a killed sweep goes on from: Tune's own state after the latest event, as files that are whole or not there.

Tune writes its state into a folder of the session after every event, and copies that into the sweep's folder in the
background, file by file. Whoever is killed meanwhile leaves halves behind, a searcher and trials of different moments,
or a state that names checkpoints which have been deleted since. So the same files are packed into one here, between
one event and the next, and a sweep that goes on is given those instead.
"""

from __future__ import annotations

import json
import shutil
import time
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from modalities.whole import whole
from tuning.storage import fetch, forget, holds, names, send

STATE = "state.zip"
TRIALS = "experiment_state.json"
"""In it: what Tune knows of every trial."""
_BEGUN, _CURVES = "tuner.pkl", "curves.json"
_STATES = (TRIALS, "search_gen_state.json", "searcher-state.pkl")
"""Trials, how many were asked for, and the searcher. Tune adds when its process began; the newest counts."""
_ERRORS = "*/error.*"
"""Why a trial failed, in its own folder."""
Curves = dict[str, dict[int, float]]
"""Trial → the first objective after each iteration."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder with how a sweep was begun, and how far it is."""

    folder: Path

    def begin(self, tune: Path) -> None:
        """Keep how a sweep was begun: what is searched, and by whom."""
        with whole(self.folder / _BEGUN) as unfinished:
            shutil.copyfile(fetch(tune / _BEGUN), unfinished)
        send(self.folder / _BEGUN)

    def keep(self, staged: Path, curves: Curves) -> None:
        """Keep how far it is."""
        with whole(self.folder / STATE) as unfinished, zipfile.ZipFile(unfinished, "w") as pack:
            for name in _STATES:
                pack.write(max(staged.glob(_dated(name, "*"))), name)
            for path in staged.glob(_ERRORS):
                pack.write(path, path.relative_to(staged))
            pack.writestr(_CURVES, json.dumps(curves))
        send(self.folder / STATE)

    def put_back(self, tune: Path) -> Curves | None:
        """Give Tune its state again, instead of what it left; if there is none, nothing of what it left counts.

        The state gets a new date: the session, where it still lives, may hold one that nobody has kept.
        """
        if not holds(self.folder / STATE):
            forget(tune)
            return None
        fetch(self.folder)
        here = {path.name for path in tune.glob("*")}
        for stale in (one for one in here | names(tune) if any(fnmatch(one, _dated(name, "*")) for name in _STATES)):
            forget(tune / stale)
        with zipfile.ZipFile(self.folder / STATE) as pack:
            pack.extractall(tune)
        now = time.strftime("%Y-%m-%d_%H-%M-%S")
        for name in _STATES:
            (tune / name).replace(tune / _dated(name, now))
        shutil.copyfile(self.folder / _BEGUN, tune / _BEGUN)
        send(tune)
        curves = json.loads((tune / _CURVES).read_text(encoding="utf-8"))
        return {trial: {int(at): value for at, value in curve.items()} for trial, curve in curves.items()}


def _dated(name: str, date: str) -> str:
    stem, _, kind = name.partition(".")
    return f"{stem}-{date}.{kind}"
