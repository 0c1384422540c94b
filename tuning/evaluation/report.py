"""What an evaluation leaves behind: `evaluation.json` with everything, `evaluation.png` with one figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from ensemble.write import write_picture
from modalities.whole import whole
from tuning.corpora.corpus import Split
from tuning.evaluation.compare import Difference
from tuning.evaluation.picture import results_picture
from tuning.evaluation.run import POOLED, Evaluation, compare_bundles, evaluate_bundle
from tuning.evaluation.show import difference_figures, differences_table, document, figures, results_table
from tuning.stages import Stages
from tuning.storage import found, placed, send

DOCUMENT, PICTURE = "evaluation.json", "evaluation.png"
FORMAT = {"format": "twofold.evaluation", "version": 1}


def evaluate_and_report(
    bundle: Path,
    corpora: Mapping[str, Path],
    split: Split,
    *,
    against: Path | None,
    out: Path | None,
    stages: Stages,
) -> tuple[list[Table], dict[str, float], Path]:
    """Evaluate, write both files; returns tables for people, flat figures, and the folder of the files."""
    bundle, against = found(bundle), None if against is None else found(against)
    evaluation = evaluate_bundle(bundle, corpora, split, stages)
    tables = [results_table(results, _title(evaluation, name)) for name, results in evaluation.results.items()]
    figures, other = all_figures(evaluation), None
    if against is not None:
        other = (against, compare_bundles(evaluation, evaluate_bundle(against, corpora, split, stages)))
        tables.append(differences_table(other[1], str(bundle), str(against)))
        figures |= difference_figures(other[1])
    out = placed(out) if out else default_folder(bundle, corpora, split)
    write_report(evaluation, out, other)
    send(out)
    return tables, figures, out


def default_folder(bundle: Path, corpora: Mapping[str, Path], split: str) -> Path:
    """Return where results go if nobody says: beside the bundle, one folder for each choice of corpora and split."""
    return bundle.resolve().parent / "evaluation" / f"{'+'.join(corpora)}-{split}"


def write_report(evaluation: Evaluation, out: Path, against: tuple[Path, Sequence[Difference]] | None = None) -> None:
    """Write both files; `against` is another bundle and how far this one is from it."""
    out.mkdir(parents=True, exist_ok=True)
    said = report(evaluation)
    if against is not None:
        bundle, differences = against
        said["against"] = {"bundle": str(bundle), "differences": [_plain(one) for one in differences]}
    with whole(out / DOCUMENT) as unfinished:
        unfinished.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    title = f"{evaluation.bundle}, {evaluation.split} of {', '.join(evaluation.corpora)}"
    write_picture(results_picture(evaluation.whole, title), out / PICTURE)


def report(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything as plain values."""
    manifest, results = evaluation.manifest, evaluation.results
    corpora = {
        name: {"licence": corpus.licence, "clips": len(corpus.clips), "used": evaluation.used(name)}
        | {"results": document(results[name])}
        for name, corpus in evaluation.corpora.items()
    }
    return {
        **FORMAT,
        "bundle": {"folder": str(evaluation.bundle), **{name: manifest[name] for name in ("members", "provenance")}},
        "recipe": manifest["provenance"].get("recipe", {}).get("name"),
        "split": evaluation.split,
        "labels": manifest["labels"],
        "corpora": corpora,
        "pooled": document(results[POOLED]) if POOLED in results else None,
    }


def all_figures(evaluation: Evaluation) -> dict[str, float]:
    """Return the flat figures of everything, and of each corpus after its name where there are several."""
    clips = sum(len(corpus.clips) for corpus in evaluation.corpora.values())
    flat: dict[str, float] = {"clips": clips, **figures(evaluation.whole)}
    if len(evaluation.corpora) > 1:
        for name in evaluation.corpora:
            flat |= {f"{name}_{key}": value for key, value in figures(evaluation.results[name]).items()}
    return flat


def _title(evaluation: Evaluation, name: str) -> str:
    used = evaluation.used(name) if name in evaluation.corpora else None
    return f"{name}, {evaluation.split}" + (f" ({used})" if used else "")


def _plain(difference: Difference) -> dict[str, Any]:
    return {**asdict(difference), "difference": difference.difference}
