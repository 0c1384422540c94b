"""`twofold train` and `twofold demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modalities.console import AsJson, put
from tuning.commands.corpora import folders_or_demo


def train(  # noqa: PLR0913  each is an option of the command
    recipe: Annotated[str, typer.Argument(help="A recipe: a TOML file, or the name of a shipped one.")],
    *,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus; again for more.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the fit and the bundle go.")] = Path("runs/train"),
    seed: Annotated[int | None, typer.Option(help="Of the training; the recipe's if not given.")] = None,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Its tiny twin: drawn weights, two epochs; on the demo's corpus if none.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers; 0 trains in this process.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Train a recipe on corpora, and write a bundle. The test split is not opened."""
    typer.echo("twofold: starting (torch, Ray) …", err=True)
    from modalities.device import device
    from tuning.address import refuse_client
    from tuning.cluster import running
    from tuning.demo import make_corpus
    from tuning.recipe import read_recipe
    from tuning.run import run
    from tuning.space import check
    from tuning.stages import Stages
    from tuning.storage import placed, shown

    device()  # said here, an error is one sentence; Ray's workers could only die of it
    if workers:
        refuse_client("training with Ray's workers")
    check(read := read_recipe(recipe, tiny=tiny))
    read = read if seed is None else read.model_copy(update={"seed": seed})
    stages = Stages(Console(stderr=True))
    corpora = folders_or_demo(corpus or [], read.corpora)
    try:
        with running():
            corpora = corpora or {"demo": make_corpus(stages)}
            bundle = run(read, corpora, placed(out), workers=workers, stages=stages)
    except KeyboardInterrupt:
        typer.echo(f"twofold: stopped; the same command goes on from there with what is in {out}", err=True)
        raise typer.Exit(130) from None
    stages.sum_up()
    typer.echo(
        json.dumps({"bundle": str(bundle), **stages.seconds}) if as_json else f"The bundle is in {shown(bundle)}."
    )


def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the fit, the bundle and the results go.")] = Path(
        "runs/demo"
    ),
    seed: Annotated[int, typer.Option(help="Of the corpus and of the training.")] = 7,
    workers: Annotated[int, typer.Option(min=0, max=1, help="Ray Train workers; 0 trains in this process.")] = 1,
) -> None:
    """Make a corpus, train seven members on it, fuse them, open the test split, and write a bundle."""
    typer.echo("Twofold demo: starting (torch, Ray, MediaPipe) …", err=True)
    from modalities.device import device
    from tuning.demo import demo as run
    from tuning.evaluation.show import results_table

    device()
    results, figures = run(out, seed=seed, workers=workers)
    table = results_table(results, "Test split, per frame (95 % interval by clip)")
    put(table, 160)
    typer.echo(json.dumps(figures))
