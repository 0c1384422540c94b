"""`twofold reproduce`: the paper's tables, our figures beside them, and what is missing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import twofold
from modalities.pretrained import KNOWN
from tuning.catalog import CORPORA
from tuning.reproduction import ReproductionError, read_paper
from tuning.reproduction.results import find_results
from tuning.reproduction.show import Beside, remarks, table_1, table_2

PAPER = read_paper("ras9")


def evaluation(recipe: str, corpus: str, split: str, f1: float, **more: object) -> dict[str, object]:
    """What `twofold evaluate` writes, as far as it is read here: seven labels occur, "Other" does not."""
    told = {"f1": f1 * 7 / 8, "f1_own": f1, "uar": f1 + 0.01, "uar_all": (f1 + 0.01) * 7 / 8, "own": ["a"] * 7}
    fused = {"name": "fused", "expression": told, "compound": {"f1": f1 / 2}}
    others = {"name": "plain mean", "expression": None, "compound": None}
    return {
        "format": "twofold.evaluation", "version": 1, "recipe": recipe, "split": split,
        "corpora": {corpus: {"used": None, "results": [others, fused], **more}},
    }  # fmt: skip


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Path]:
    def keep(place: str, said: dict[str, object], age: int = 0) -> Path:
        path = tmp_path / place / "evaluation.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(said))
        os.utime(path, (10**9 - age, 10**9 - age))
        return path

    return keep


def cells(table: object, number: int) -> dict[str, str]:
    """A row of a table, by column."""
    return {f"{place} {column.header}": list(column.cells)[number] for place, column in enumerate(table.columns)}


def test_the_paper_is_written_down_whole() -> None:
    assert [row.id for row in PAPER.rows] == list(range(1, 18))
    assert len({row.recipe for row in PAPER.rows}) == 17
    assert PAPER.corpora.keys() <= CORPORA.keys()
    assert {name for row in PAPER.rows for name in row.weights} <= KNOWN.keys()
    best = {corpus: max(getattr(row, corpus)[0] for row in PAPER.rows) for corpus in ("affwild2", "afew")}
    assert best == {"affwild2": 46.50, "afew": 47.14}
    assert [one.f1 for one in PAPER.others] == [22.81, 25.91, 32.43, 60.63, 34.86]


def test_a_row_without_a_result_says_what_it_needs() -> None:
    beside = Beside(PAPER, {}, {"afew"})
    assert remarks(beside, PAPER.row(1)) == "needs Aff-Wild2 (not given), an evaluation on AFEW"
    assert remarks(beside, PAPER.row(7)).endswith("an evaluation on AFEW, C-EXPR-DB (not given)")
    assert "emoaffectnet" in PAPER.weights_of(PAPER.row(17))


def test_ours_stand_beside_the_papers(keep: Callable, tmp_path: Path) -> None:
    keep("a/old", evaluation("ras-07", "afew", "dev", 0.2), age=100)
    keep("b/new", evaluation("ras-07", "afew", "dev", 0.4, used="these clips decided"))
    keep("c", evaluation("ras-07", "afew", "test", 0.9))  # the paper scores dev
    keep("d", evaluation("ras-07-pfsa", "cexprdb", "test", 0.7))
    keep("e", evaluation("mine", "affwild2", "dev", 0.9))
    beside = Beside(PAPER, find_results([tmp_path]), {"afew", "affwild2", "cexprdb"})
    row = cells(table_1(beside), 6)
    assert row["6 AFEW, paper"] == "32.30/32.04"
    assert row["7 ours, all labels"] == "35.00/35.88"
    assert row["8 difference"] == "+2.70/+3.84"
    assert row["9 ours, own labels"] == "40.00/41.00 (7)"
    assert row["3 ours, all labels"] == "–"
    assert row["11 ours"] == "–/35.00"
    assert (
        row["12 remarks"] == "needs an evaluation on Aff-Wild2, an evaluation on C-EXPR-DB; AFEW: these clips decided"
    )
    own = cells(table_2(beside), 4)
    assert (own["3 paper"], own["4 ours"], own["5 difference"]) == ("34.86", "35.00", "+0.14")


@pytest.mark.parametrize("text", ["{", '{"format": "twofold.prediction"}'])
def test_what_is_no_evaluation_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(ReproductionError, match="evaluate again, or remove it"):
        find_results([tmp_path])


def test_the_command_prints_tables_notes_and_figures(
    keep: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["twofold", "reproduce", *words])
        with pytest.raises(SystemExit) as left:
            twofold.main()
        return int(left.value.code or 0), *capsys.readouterr()

    keep("run", evaluation("ras-07", "afew", "dev", 0.4))
    code, out, _ = run("ras9", "--runs", str(tmp_path), "--json")
    assert code == 0
    assert "needs Aff-Wild2 (not given)" in out
    assert "Table 2 prints 34.86 for what Table 1 prints as 34.85" in out
    figures = json.loads(out.splitlines()[-1])
    assert figures["ras-07_afew_f1_own"] == pytest.approx(40)
    assert figures["ras-07_afew_f1_difference"] == pytest.approx(35 - 32.30)
    assert run("sun8")[::2] == (2, "twofold: there are no tables of sun8; there are those of ras9\n")
    code, _, err = run("ras9", "--corpus", f"meld={tmp_path}")
    assert code == 2
    assert "has no figure on meld, only on affwild2, afew, cexprdb" in err
