"""A search as a table and as files: the winner first, every trial in both files, and what mattered most in view."""

import json
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from tests.tuning.planted_search import COST, F1, MEMBERS, planted
from tuning.search.outcome import Trial
from tuning.search.shown.table import WINNER, outcome_table, shortened, write_trials


def shown(table, width=200):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def cells(table, column):
    return list(table.columns[column].cells)


def test_the_best_come_first_and_the_winner_is_marked():
    outcome = planted()
    table = outcome_table(outcome, 5)
    assert cells(table, 0) == [WINNER, "", "", "", ""]
    assert cells(table, 1) == [str(trial.number) for trial in outcome.ranked()[:5]]
    assert cells(table, 3) == [f"{trial.values['macro_f1']:.4g}" for trial in outcome.ranked()[:5]]
    assert [column.header for column in table.columns[3:]] == [
        "macro_f1 ↑", "lr", "layers", "optimiser", "kind", "fusion_heads"
    ]  # fmt: skip


def test_what_is_beyond_a_bound_stands_below_and_says_so():
    outcome = planted(objectives=(F1, COST))
    table = outcome_table(outcome, 30, {"cost_ms": 15})
    marks, costs = cells(table, 0), [float(cell) for cell in cells(table, 4)]
    assert marks[0] == WINNER
    assert {mark for mark, cost in zip(marks, costs, strict=True) if cost > 15} == {"over"}
    assert marks == sorted(marks, key=[WINNER, "", "over"].index)
    nobody = outcome_table(outcome, 3, {"cost_ms": 0})
    assert set(cells(nobody, 0)) == {"over"}
    assert "no trial keeps the bounds, so nobody wins" in shown(nobody)


def test_a_setting_that_a_trial_lacks_is_a_dash():
    outcome = planted()
    heads = cells(outcome_table(outcome, 30), 8)
    assert [cell == "–" for cell in heads] == [t.settings["fusion.kind"] == "mean" for t in outcome.ranked()]


def test_settings_that_never_differ_are_not_shown():
    outcome = planted()
    same = tuple(replace(t, settings={**t.settings, "face.transformer.layers": 2}) for t in outcome.trials)
    table = outcome_table(replace(outcome, trials=same))
    assert "layers" not in [column.header for column in table.columns]


def test_of_many_settings_those_that_mattered_are_shown():
    outcome = planted(60, objectives=(F1, COST, MEMBERS), curves=False)
    more = {f"audio.setting_{n}": n for n in range(9)}
    many = tuple(
        replace(t, settings={**{k: t.number % (2 + v) for k, v in more.items()}, **t.settings}) for t in outcome.trials
    )
    table = outcome_table(replace(outcome, trials=many))
    assert [column.header for column in table.columns][6:][0] == "lr"
    assert len(table.columns) == 9
    assert "11 more of what varies: trials.csv" in shown(table)


@pytest.mark.parametrize("width", [80, 120])
def test_no_number_is_broken_by_a_terminal_of_usual_width(width):
    outcome = planted(objectives=(F1, COST))
    text = shown(outcome_table(outcome, 10, {"cost_ms": 15}), width)
    for trial in outcome.ranked({"cost_ms": 15})[:10]:
        told = [f"{trial.values['macro_f1']:.4g}", f"{trial.settings['fit.face.transformer.lr']:.3g}"]
        assert any({str(trial.number), *told} <= set(line.split()) for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= width


def test_a_search_that_judged_nothing_says_so():
    outcome = planted()
    failed = replace(outcome, trials=tuple(replace(trial, values={}, state="failed") for trial in outcome.trials))
    said = " ".join(shown(outcome_table(failed)).split())
    assert "no trial has a value, so nobody wins 0 done, 0 stopped early, 30 failed" in said


def test_names_are_as_short_as_they_may_be():
    assert shortened(["fit.face.lr", "face.layers", "audio.layers", "fit.audio.layers"]) == {
        "fit.face.lr": "lr",
        "face.layers": "face.layers",
        "audio.layers": "audio.layers",
        "fit.audio.layers": "fit.audio.layers",
    }


def test_both_files_hold_every_trial_and_every_value(tmp_path):
    outcome = planted(objectives=(F1, COST))
    write_trials(outcome, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trials.csv", "trials.parquet"]
    rows = pq.read_table(tmp_path / "trials.parquet").to_pylist()
    text = pd.read_csv(tmp_path / "trials.csv")
    assert list(text.columns) == list(rows[0])
    assert len(rows) == len(text) == 30
    for trial, row, (_, line) in zip(outcome.trials, rows, text.iterrows(), strict=True):
        assert (row["number"], row["state"], row["seconds"]) == (trial.number, trial.state, trial.seconds)
        assert row["value.macro_f1"] == trial.values.get("macro_f1")
        assert tuple(row["curve"]) == trial.curve == tuple(json.loads(line["curve"]))
        for name in ("fit.face.transformer.lr", "face.transformer.layers", "fusion.kind", "fusion.fusion_heads"):
            assert row[f"setting.{name}"] == trial.settings.get(name)
        assert line["setting.fit.face.transformer.lr"] == trial.settings["fit.face.transformer.lr"]
        assert (
            json.loads(row["setting.fit.face.transformer.optimiser"])
            == trial.settings["fit.face.transformer.optimiser"]
        )


def test_settings_of_several_types_are_told_apart(tmp_path):
    values = (1, 1.5, "1", True, None, (1, 2))
    trials = tuple(Trial(number, {"a.b": value}, {"macro_f1": 0.5}, "done", 1.0) for number, value in enumerate(values))
    write_trials(replace(planted(), trials=(*trials, Trial(6, {}, {}, "failed", 1.0))), tmp_path)
    cells = pq.read_table(tmp_path / "trials.parquet")["setting.a.b"].to_pylist()
    assert cells == ["1", "1.5", '"1"', "true", "null", "[1, 2]", None]


def test_a_sweep_of_no_trials_is_written_too(tmp_path):
    write_trials(replace(planted(), trials=()), tmp_path)
    assert pq.read_table(tmp_path / "trials.parquet").num_rows == 0
    assert outcome_table(replace(planted(), trials=())).row_count == 0
