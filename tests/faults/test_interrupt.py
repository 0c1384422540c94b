"""Ctrl-C in `twofold train`: one sentence, exit code 130, and the same command goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ensemble.plan import Plan
from tests.faults.runs import PATIENCE, ROOT
from tests.tuning import tiny
from tuning.recipe import read_recipe

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.timeout(900)]
RECIPE = """
name = "interrupted"

[ensemble.cues]
faces = { kind = "faces" }
speech = { kind = "silero" }

[ensemble.modalities.face]
kind = "face"
settings = { encoder = { kind = "blendshapes" } }
heads = { static = { kind = "mean" } }

[ensemble.modalities.audio]
kind = "audio"
settings = { encoder = { kind = "prosody" } }
heads = { attention = { kind = "attention", grid = { duration = 2, step = 1, tail = 0.5 } } }

[fit]
default = { epochs = 300, patience = 300, lr = 0.001 }
fusion = { epochs = 10, lr = 0.05 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, its corpus, and a cache with this machine's assets and the corpus's encodings."""
    made = tmp_path_factory.mktemp("interrupted")
    (made / "recipe.toml").write_text(RECIPE)
    tiny.make(made / "corpus", tiny.cache(made) / "encodings", Plan.of(read_recipe(made / "recipe.toml").ensemble))
    return made


def train(folder: Path, out: Path, workers: int) -> subprocess.Popen[str]:
    command = ["train", folder / "recipe.toml", "--corpus", f"{tiny.READER}={folder / 'corpus'}", "-o", out]
    deaf_no_more = ["env", "--default-signal=INT"]  # whoever starts the tests in a background has them ignore it
    return subprocess.Popen(
        [*deaf_no_more, sys.executable, "-m", "twofold", *map(str, command), "--workers", str(workers)],
        cwd=ROOT,
        env={**os.environ, "TWOFOLD_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_what_was_stopped_says_so_and_goes_on(folder: Path, tmp_path: Path, workers: int) -> None:
    run, end = train(folder, tmp_path, workers), time.monotonic() + PATIENCE
    while not list(tmp_path.glob("tensorboard/*/face.static/*")) and run.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    _, said = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130, said
    assert said.splitlines()[-1] == f"twofold: stopped; the same command goes on from there with what is in {tmp_path}"
    assert "Traceback" not in said

    again = train(folder, tmp_path, 0)
    _, said = again.communicate(timeout=2 * PATIENCE)
    assert again.returncode == 0, said
    provenance = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["provenance"]
    assert set(provenance["dev_scores"]) == {"face.static", "audio.attention", "fusion"}
    assert all(0.1 < score <= 1 for score in provenance["dev_scores"].values())
    (board,) = tmp_path.glob("tensorboard/*")
    for part in ("face.static", "audio.attention"):
        curve = EventAccumulator(str(board / part))
        curve.Reload()
        epochs = [event.step for event in curve.Scalars("loss")]
        assert epochs == sorted(set(epochs))
        assert epochs[-1] == 299
