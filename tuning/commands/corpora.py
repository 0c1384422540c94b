"""`twofold corpus list` and `twofold corpus check`, and how commands are told where corpora are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from modalities.console import AsJson, show

if TYPE_CHECKING:
    from ensemble.predict import Gathered

SplitName = Literal["train", "dev", "test"]


def named_folders(given: list[str], wanted: tuple[str, ...]) -> dict[str, Path]:
    """Read NAME=FOLDER, each name once and at least one; `wanted` are those that a recipe is made for."""
    folders: dict[str, Path] = {}
    for one in given:
        name, found, folder = one.partition("=")
        if not found or not folder:
            raise typer.BadParameter(f"--corpus takes NAME=FOLDER, as meld=/data/MELD, but got {one!r}")
        if name in folders:
            raise typer.BadParameter(f"--corpus gives {name} twice; put both into one folder, or one table")
        if "://" in folder:
            raise typer.BadParameter(
                f"--corpus takes folders, but got {one!r}; mount the bucket read-only under the same path on every "
                "machine (mount-s3, gcsfuse), or copy it there"
            )
        folders[name] = Path(folder).expanduser().resolve()
    if not folders:
        names = " ".join(f"--corpus {name}=FOLDER" for name in wanted) or "--corpus NAME=FOLDER"
        raise typer.BadParameter(
            f"say where the corpora are: {names}; `twofold corpus list` names those that are known"
        )
    return folders


def folders_or_demo(given: list[str], wanted: tuple[str, ...]) -> dict[str, Path]:
    """Read NAME=FOLDER; nothing for a recipe that is made for the demo's corpus alone: that is made when needed."""
    return {} if not given and wanted == ("demo",) else named_folders(given, wanted)


def clips_of(given: list[str], split: SplitName) -> Gathered:
    """Gather the clips of corpora."""
    from tuning.evaluation.splits import gather_split

    return gather_split(named_folders(given, ()), split)


corpus_app = typer.Typer(help="What corpora are known, and whether one is whole.", no_args_is_help=True)


@corpus_app.command("list")
def list_corpora(*, as_json: AsJson = False) -> None:
    """List the corpora that can be read, with their licences."""
    from tuning.corpora.check import known

    columns, rows = ["name", "story", "licence"], known()
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
    else:
        show(columns, rows)


@corpus_app.command("check")
def check_corpus(
    name: Annotated[str, typer.Argument(help="A corpus of the list, or module:function of a reader.")],
    root: Annotated[Path, typer.Argument(help="The corpus's folder, or a manifest's file.")],
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Also open every file, and find files that are alike.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count a corpus per split and class beside what its authors state, and list everything that is wrong with it."""
    from tuning.catalog import find_reader
    from tuning.corpora.check import check

    find_reader(name)  # one that is not there is bad input, not a problem of the corpus
    with Console(stderr=True).status("reading") as status:
        checked = check(name, root, lambda text: status.update(escape(text)), deep=deep)
    for problem in checked.problems:
        typer.echo(f"twofold: {problem}", err=True)
    if as_json:
        typer.echo(json.dumps(checked.document()))
    else:
        show(*checked.table())
        for note in checked.notes:
            typer.echo(note)
        typer.echo(f"{checked.duplicates} duplicates left out, {len(checked.problems)} problems")
    raise typer.Exit(checked.code)
