"""A recipe's twin goes the whole road: a user's table of clips, the training run, a bundle, a prediction, a figure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ensemble import bundle
from modalities.labels import EXPRESSION
from tuning.cluster import running
from tuning.corpora.demo import make_clip, plan_demo
from tuning.evaluation.report import evaluate_and_report
from tuning.recipe import read_recipe
from tuning.run import run
from tuning.stages import Stages

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips in which somebody speaks, as a user's own corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    told = [script for script in plan_demo(seed=3) if script.words == "own" and not script.hidden]
    rows = []
    for split, count in (("train", 2), ("dev", 1)):
        for script in [one for one in told if one.split == split and one.expression in EXPRESSION.labels][:count]:
            make_clip(script, folder)
            rows.append((f"{script.name}.mp4", script.subject, split, script.expression))
    path = folder / "manifest.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "subject", "split", "expression"), *rows])
    return path


def test_all_six_modalities_of_ras_are_trained_fused_and_judged(table: Path, tmp_path: Path) -> None:
    recipe, stages = read_recipe("ras-17", tiny=True), Stages(Console(quiet=True))
    with running():
        made = run(recipe, {"manifest": table}, tmp_path, workers=1, stages=stages)
    with bundle.load(made) as recognizer:
        members = recognizer.plan.heads
        assert [name.partition(".")[0] for name in members] == [
            "face_known", "face_clip", "scene_jina", "audio", "text_clip", "match",
        ]  # fmt: skip
        timeline = recognizer.predict(next(iter(sorted(table.parent.glob("train-*.mp4")))))
    assert timeline.members == tuple(members)
    assert timeline.verdict.opinions.present.any(axis=1).all()
    scores = timeline.rows.scores["expression"]
    assert not np.isnan(scores).any()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    _, figures, _ = evaluate_and_report(made, {"manifest": table}, "dev", against=None, out=tmp_path, stages=stages)
    assert 0 <= figures["expression_macro_f1_fused"] <= 1
