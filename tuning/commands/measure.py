"""`twofold evaluate` and `twofold reproduce`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modalities.console import AsJson, put
from tuning.commands.corpora import SplitName, named_folders


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="A trained ensemble.")],
    *,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus; again for more.")] = None,
    split: Annotated[SplitName, typer.Option(help="Which clips.")] = "test",
    against: Annotated[Path | None, typer.Option(help="Another bundle, to compare with on the same clips.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where evaluation.json and .png go; else beside the bundle.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a bundle on a split of corpora: fused, plain mean and every member, with intervals."""
    corpora = named_folders(corpus or [], ())
    typer.echo("twofold: starting (torch, Ray) …", err=True)
    from modalities.device import device
    from tuning.evaluation.report import evaluate_and_report
    from tuning.stages import Stages
    from tuning.storage import shown

    device()
    tables, figures, folder = evaluate_and_report(
        bundle, corpora, split, against=against, out=out, stages=Stages(Console(stderr=True))
    )
    for table in tables:
        put(table, 160)
    typer.echo(json.dumps(figures) if as_json else f"Everything is in {shown(folder)}.")


def reproduce(
    paper: Annotated[str, typer.Argument(help="Whose tables: ras9.")],
    *,
    runs: Annotated[Path, typer.Option(help="Where our evaluations lie, however deep.")] = Path("runs"),
    bundle: Annotated[list[Path] | None, typer.Option(help="A bundle to evaluate first; again for more.")] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus of the paper; or more.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a paper's tables with our figures beside them, and what is missing where there are none."""
    corpora = named_folders(corpus, ()) if corpus else {}
    from modalities.device import device
    from tuning.reproduction import reproduce as run
    from tuning.stages import Stages

    device()
    found = run(paper, runs, bundle or [], corpora, Stages(Console(stderr=True)))
    for table in found.tables:
        put(table, 240)
    for note in found.notes:
        typer.echo(f"* {note}")
    if as_json:
        typer.echo(json.dumps(found.figures))
