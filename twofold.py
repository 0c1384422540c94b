"""The command line: each command says what it wants, hands over to the package that does it, and shows the answer.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 a result that failed, 2 bad input. Commands
import what they use themselves, so that `twofold --help` does not wait for torch.

    twofold --help
    python -m twofold --help                 # from a checkout that is not installed
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from modalities.assets import fetch as fetch_assets
from modalities.assets import offline
from modalities.assets import table as asset_table
from modalities.licences import Licensed, Manifest

if TYPE_CHECKING:
    from ensemble.predict import Gathered

app = typer.Typer(
    help="Compound expressions in video: a clip in, a timeline out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
SplitName = Literal["train", "dev", "test"]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")]

ERRORS = {
    "modalities.assets:AssetError": 1,
    "modalities.media:MediaError": 2,
    "modalities.cues.caption.table:CaptionTableError": 2,
    "ensemble.bundle:BundleError": 2,
    "ensemble.predict.clips:InputError": 2,
    "ensemble.write.abaw.formats:AbawError": 2,
    "tuning.recipe:RecipeError": 2,
    "tuning.corpora.corpus:CorpusError": 2,
    "tuning.evaluation.compare:CompareError": 2,
    "tuning.reproduction.paper:ReproductionError": 2,
    "pydantic_core._pydantic_core:ValidationError": 2,
    "builtins:FloatingPointError": 1,
    "builtins:FileNotFoundError": 2,
    "builtins:FileExistsError": 2,
    "builtins:NotADirectoryError": 2,
    "builtins:PermissionError": 2,
}
"""Error class → exit code, for errors that are one sentence to the user; any other is a bug and keeps its traceback."""


def main() -> None:
    """Run a command; the installed `twofold`."""
    if offline():
        os.environ |= {"HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    try:
        app(prog_name="twofold")
    except Exception as problem:
        code = exit_code(problem)
        if code is None:
            raise
        typer.echo(f"twofold: {sentence(problem)}", err=True)
        raise SystemExit(code) from None


def exit_code(problem: Exception) -> int | None:
    """Return the exit code of an error that is the user's to mend, `None` of any other."""
    kinds = (f"{kind.__module__}:{kind.__qualname__}" for kind in type(problem).__mro__)
    return next((ERRORS[kind] for kind in kinds if kind in ERRORS), None)


def sentence(problem: Exception) -> str:
    """Say an error in one sentence."""
    if isinstance(problem, ValidationError):
        wrong = (f"{'.'.join(map(str, error['loc'])) or 'it'}: {error['msg']}" for error in problem.errors())
        return f"{problem.title} does not fit: {'; '.join(wrong)}"
    if isinstance(problem, FileNotFoundError) and problem.filename:
        return f"there is no {problem.filename}"
    if isinstance(problem, OSError) and problem.filename:
        return f"{problem.filename} cannot be used ({problem.strerror}); give another path"
    return str(problem)


def show(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table on stdout; in a file or a pipe no line is broken."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*map(escape, row))  # a clip may be called [x]
    Console(width=None if sys.stdout.isatty() else 1000).print(grid)


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the option's value
    if wanted:
        typer.echo(metadata.version("twofold"))
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Take what stands before the command."""


# ------------------------------------------------------------------------------------------------------------ commands


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Assets by name; all that the product needs if none.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Bring the assets (weights that pip does not install) into the cache, once, and check their hashes."""
    table = {asset.name: asset for asset in asset_table()}
    if unknown := [name for name in names or [] if name not in table]:
        raise typer.BadParameter(f"no asset {', '.join(unknown)}; there are {', '.join(table)}")
    progress = Console(stderr=True)
    with progress.status("downloading"):
        brought = fetch_assets(
            names, report=lambda asset: progress.print(f"fetching {asset}", highlight=False, soft_wrap=True)
        )
    wanted = [table[name] for name in names] if names else [asset for asset in table.values() if asset.embedded]
    if as_json:
        typer.echo(json.dumps({asset.name: str(asset.path) for asset in wanted}))
    else:
        show(["asset", "", "path"], [[a.name, "fetched" if a in brought else "cached", str(a.path)] for a in wanted])


@app.command()
def licences(
    bundle: Annotated[Path | None, typer.Argument(help="A bundle's folder; all assets if none.")] = None,
    require: Annotated[
        Literal["commercial"] | None, typer.Option(help="Fail where a licence does not allow this.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the licences of a bundle's parts and assets."""
    if bundle is None:
        found = [Licensed.model_validate(asset, from_attributes=True) for asset in asset_table()]
    else:
        from ensemble.bundle import read_manifest

        found = Manifest.model_validate(read_manifest(bundle)).everything
    if as_json:
        typer.echo(json.dumps([one.model_dump() | {"commercial": one.allows_commerce} for one in found]))
    else:
        rows = [[one.name, one.licence, "yes" if one.allows_commerce else "no", one.source, one.note] for one in found]
        show(["name", "licence", "commercial", "source", "note"], rows)
    refused = [f"{one.name} ({one.licence})" for one in found if not one.allows_commerce]
    if require and refused:
        typer.echo(f"twofold: not for commercial use: {', '.join(refused)}", err=True)
        raise typer.Exit(1)


@app.command()
def predict(  # noqa: PLR0913  each is an option of the command
    clips: Annotated[list[Path] | None, typer.Argument(help="Clips, and folders of clips; or give --corpus.")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the files of each clip go.")],
    bundle: Annotated[
        Path | None, typer.Option(help="A trained ensemble; else TWOFOLD_BUNDLE, else the demo's.")
    ] = None,
    tracks: Annotated[
        Literal["primary", "all"], typer.Option(help="Whom rows are about: the primary face, or everybody in view.")
    ] = "primary",
    without: Annotated[list[str] | None, typer.Option(help="A member to leave out; may be given again.")] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(help="A text to compare what is seen with, as 'a person crying'; again for more."),
    ] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus instead of clips; or more.")] = None,
    split: Annotated[SplitName, typer.Option(help="Which clips of the corpus.")] = "test",
    abaw: Annotated[str, typer.Option(help="ABAW files beside that of CE: expr, va, au, mtl; with commas.")] = "",
    as_json: AsJson = False,
) -> None:
    """Recognise clips, or those of a corpus: a timeline of each as JSON, CSV, Parquet, ABAW text and a picture."""
    if bool(clips) == bool(corpus):
        raise typer.BadParameter("give clips (and folders of clips), or a corpus with --corpus NAME=FOLDER, not both")
    from ensemble.predict import Wishes
    from ensemble.predict import predict as run
    from ensemble.write.abaw import parse_kinds
    from modalities.native import use_threads

    use_threads(1)
    wishes = Wishes(frozenset(without or ()), all_tracks=tracks == "all", prompts=tuple(prompt or ()))
    with Console(stderr=True).status("starting") as status:
        summary = run(
            clips or clips_of(corpus or [], split),
            out,
            bundle,
            wishes=wishes,
            abaw=parse_kinds(abaw),
            report=lambda text: status.update(escape(text)),
        )
    for remark in summary.remarks():
        typer.echo(f"twofold: {remark}", err=True)
    if as_json:
        typer.echo(json.dumps(summary.document()))
    else:
        show(*summary.table())
    raise typer.Exit(summary.code)


def clips_of(given: list[str], split: SplitName) -> Gathered:
    """Gather the clips of corpora."""
    from tuning.evaluation.splits import gather_split

    return gather_split(named_folders(given, ()), split)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe: a TOML file, or the name of a shipped one.")],
    *,
    corpus: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER of a corpus; again for more.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the fit and the bundle go.")] = Path("runs/train"),
    seed: Annotated[int | None, typer.Option(help="Of the training; the recipe's if not given.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers; 0 trains in this process.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Train a recipe on corpora, and write a bundle. The test split is not opened."""
    typer.echo("twofold: starting (torch, Ray) …", err=True)
    from tuning.cluster import running
    from tuning.recipe import read_recipe
    from tuning.run import run
    from tuning.stages import Stages

    read = read_recipe(recipe)
    read = read if seed is None else read.model_copy(update={"seed": seed})
    corpora = named_folders(corpus or [], read.corpora)
    stages = Stages(Console(stderr=True))
    with running():
        bundle = run(read, corpora, out.resolve(), workers=workers, stages=stages)
    stages.sum_up()
    typer.echo(json.dumps({"bundle": str(bundle), **stages.seconds}) if as_json else f"The bundle is in {bundle}.")


@app.command()
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
    from tuning.evaluation.report import evaluate_and_report
    from tuning.stages import Stages

    tables, figures, folder = evaluate_and_report(
        bundle, corpora, split, against=against, out=out, stages=Stages(Console(stderr=True))
    )
    for table in tables:
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    typer.echo(json.dumps(figures) if as_json else f"Everything is in {folder}.")


@app.command()
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
    from tuning.reproduction import reproduce as run
    from tuning.stages import Stages

    found = run(paper, runs, bundle or [], corpora, Stages(Console(stderr=True)))
    for table in found.tables:
        Console(width=None if sys.stdout.isatty() else 240).print(table)
    for note in found.notes:
        typer.echo(f"* {note}")
    if as_json:
        typer.echo(json.dumps(found.figures))


def named_folders(given: list[str], wanted: tuple[str, ...]) -> dict[str, Path]:
    """Read NAME=FOLDER; every corpus that a recipe names must be given one."""
    folders: dict[str, Path] = {}
    for one in given:
        name, found, folder = one.partition("=")
        if not found or not folder:
            raise typer.BadParameter(f"--corpus takes NAME=FOLDER, as meld=/data/MELD, but got {one!r}")
        folders[name] = Path(folder).expanduser().resolve()
    if not folders:
        names = " ".join(f"--corpus {name}=FOLDER" for name in wanted) or "--corpus NAME=FOLDER"
        raise typer.BadParameter(
            f"say where the corpora are: {names}; `twofold corpus list` names those that are known"
        )
    return folders


corpus_app = typer.Typer(help="What corpora are known, and whether one is whole.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")


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
    from tuning.catalog import CORPORA
    from tuning.corpora.check import check

    if ":" not in name and name not in CORPORA:
        raise typer.BadParameter(f"no corpus {name}; there are {', '.join(CORPORA)}")
    with Console(stderr=True).status("reading") as status:
        checked = check(name, root, lambda text: status.update(escape(text)), deep=deep)
    for problem in checked.problems:
        typer.echo(f"twofold: {problem}", err=True)
    if as_json:
        typer.echo(json.dumps(checked.document()))
    else:
        show(*checked.table())
        typer.echo(f"{checked.duplicates} duplicates left out, {len(checked.problems)} problems")
    raise typer.Exit(checked.code)


@app.command()
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
    from tuning.demo import demo as run
    from tuning.evaluation.show import results_table

    results, figures = run(out, seed=seed, workers=workers)
    table = results_table(results, "Test split, per frame (95 % interval by clip)")
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    typer.echo(json.dumps(figures))


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from modalities.installation import inspect

    findings = inspect()
    missing = [finding for finding in findings if finding.remedy]
    if as_json:
        typer.echo(json.dumps({"ok": not missing, "findings": [asdict(finding) for finding in findings]}))
    else:
        show(
            ["what", "name", "found", "to do"],
            [[one.topic, one.name, one.found or "-", one.remedy] for one in findings],
        )
    if missing:
        names = ", ".join(finding.name for finding in missing)
        typer.echo(f"twofold: {len(missing)} needed and missing: {names}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
