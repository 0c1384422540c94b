"""`twofold tune`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from modalities.console import AsJson, put
from tuning.commands.corpora import folders_or_demo


def tune(  # noqa: PLR0913  each is an option of the command
    recipe: Annotated[str, typer.Argument(help="A recipe: a TOML file, or the name of a shipped one.")],
    *,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus; again for more.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where trials, pictures and the bundle go.")] = Path(
        "runs/tune"
    ),
    seed: Annotated[int | None, typer.Option(help="Of the search and of every fit; the recipe's if not given.")] = None,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Its tiny twin: drawn weights, two epochs; on the demo's corpus if none.")
    ] = False,
    trials: Annotated[int | None, typer.Option(min=1, help="Of each sweep; the recipe's if not given.")] = None,
    sampler: Annotated[
        Literal["tpe", "nsga2", "random", "greedy", "exhaustive"] | None, typer.Option(help="Who proposes.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(help="What the ensemble is searched for: tasks, macro_f1, uar, average, ece, cost_ms …; or more."),
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER that the winner keeps below, as cost_ms=40; or more.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=0, help="Of dev, for the ensemble; 0 judges what it learnt.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trials at a time: all cores; 1 gives the same again with the same seed.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Where Optuna keeps its studies, as sqlite:///search.db, for optuna-dashboard.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the search that is in --out.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers that fit; 0 fits in this process.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Search members' settings, fusion, mapping and members of a recipe, and write the winner as a bundle.

    Everything is chosen on train and dev; the test split is not opened.
    """
    typer.echo("twofold: starting (torch, Ray) …", err=True)
    from modalities.device import device
    from tuning.address import refuse_client
    from tuning.cluster import cores, running
    from tuning.demo import make_corpus
    from tuning.recipe import read_recipe
    from tuning.search.asking import Asking, check_storage
    from tuning.search.provenance import figures, limits
    from tuning.search.run import search
    from tuning.search.shown.table import outcome_table
    from tuning.space import check
    from tuning.stages import Stages
    from tuning.storage import placed, shown

    device()
    refuse_client("a search")
    said = {"trials": trials, "sampler": sampler, "folds": folds, "objectives": tuple(objective or ()) or None}
    given = {name: value for name, value in said.items() if value is not None} | _limits(limit or [])
    read = read_recipe(recipe, tiny=tiny)
    how = type(read.tune).model_validate({**read.tune.model_dump(), **given})
    read = read.model_copy(update={"tune": how} if seed is None else {"tune": how, "seed": seed})
    check(read)
    check_storage(storage)
    stages = Stages(Console(stderr=True))
    corpora = folders_or_demo(corpus or [], read.corpora)
    try:
        with running():
            corpora = corpora or {"demo": make_corpus(stages)}
            asking = Asking(jobs or cores(), storage, resume=resume, workers=workers)
            found = search(read, corpora, placed(out), asking, stages)
    except KeyboardInterrupt:
        typer.echo(f"twofold: stopped; the same command with --resume goes on from there, in {out}", err=True)
        raise typer.Exit(130) from None
    stages.sum_up()
    for outcome in found.outcomes:
        put(outcome_table(outcome, within=limits(outcome, read)), 160)
    if as_json:
        typer.echo(json.dumps({"bundle": str(found.bundle), **figures(found.outcomes, read)}))
    else:
        typer.echo(f"The bundle is in {shown(found.bundle)}; trials and pictures are beside it, in search.")


def _limits(given: list[str]) -> dict[str, Any]:
    """Read NAME=NUMBER."""
    limits: dict[str, float] = {}
    for one in given:
        name, _, number = one.partition("=")
        try:
            limits[name] = float(number)
        except ValueError:
            raise typer.BadParameter(f"--limit takes NAME=NUMBER, as cost_ms=40, but got {one!r}") from None
    return {"limits": limits} if limits else {}
