"""Prints a paper's tables with ours beside them; bundles that are given are evaluated first, on the paper's splits.

twofold reproduce ras9 --runs runs
twofold reproduce ras9 --bundle runs/ras-07/bundle --corpus afew=/data/AFEW
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tuning.evaluation.report import evaluate_and_report
from tuning.reproduction.paper import Paper, ReproductionError, read_paper
from tuning.reproduction.results import find_results
from tuning.reproduction.show import Beside, figures, table_1, table_2, table_weights
from tuning.stages import Stages


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Tables for people, notes to read them by, and flat figures."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    figures: Mapping[str, float]


def reproduce(
    name: str, runs: Path, bundles: Sequence[Path], corpora: Mapping[str, Path], stages: Stages
) -> Reproduction:
    """Set a paper's tables beside our results below `runs`, and those of bundles that are evaluated here."""
    paper = read_paper(name)
    if strange := sorted(corpora.keys() - paper.corpora.keys()):
        raise ReproductionError(f"{name} has no figure on {', '.join(strange)}, only on {', '.join(paper.corpora)}")
    if bundles and not corpora:
        raise ReproductionError("bundles are evaluated on corpora; give those with --corpus NAME=FOLDER")
    folders = [runs, *(folder for bundle in bundles for folder in _evaluate(paper, bundle, corpora, stages))]
    beside = Beside(paper, find_results(folders), corpora.keys())
    tables = table_1(beside), table_2(beside), table_weights(beside)
    return Reproduction(tuple(table for table in tables if table.row_count), paper.notes, figures(beside))


def _evaluate(paper: Paper, bundle: Path, corpora: Mapping[str, Path], stages: Stages) -> list[Path]:
    """Evaluate a bundle on each corpus; returns the folders of the results."""
    found: list[Path] = []
    for name, root in corpora.items():
        split = paper.corpora[name].split
        _, _, folder = evaluate_and_report(bundle, {name: root}, split, against=None, out=None, stages=stages)
        found.append(folder)
    return found
