"""The command line: each command says what it wants, hands over to the package that does it, and shows the answer.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 a result that failed, 2 bad input. Commands
import what they use themselves, so that `twofold --help` does not wait for torch.

    twofold --help
    python -m twofold --help                 # from a checkout that is not installed
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from modalities.assets import fetch as fetch_assets
from modalities.assets import offline
from modalities.assets import table as asset_table
from modalities.console import AsJson, show
from modalities.licences import Licensed, Manifest
from serve.commands import key, serve
from tuning.commands.corpora import SplitName, clips_of, corpus_app
from tuning.commands.measure import evaluate, reproduce
from tuning.commands.search import tune
from tuning.commands.size import size
from tuning.commands.train import demo, train

app = typer.Typer(
    help="Compound expressions in video: a clip in, a timeline out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ERRORS = {
    "modalities.assets:AssetError": 1,
    "modalities.busy:BusyError": 1,
    "modalities.device:DeviceError": 2,
    "modalities.media.source:MediaError": 2,
    "modalities.cues.caption.table:CaptionTableError": 2,
    "ensemble.manifest:BundleError": 2,
    "ensemble.predict.clips:InputError": 2,
    "ensemble.write.abaw.formats:AbawError": 2,
    "serve.asking:ServerError": 1,
    "serve.asking:ServerRefusedError": 2,
    "serve.settings:SettingsError": 2,
    "serve.http.keys:KeysError": 2,
    "tuning.recipe:RecipeError": 2,
    "tuning.search.error:SearchError": 2,
    "tuning.storage.error:StorageError": 2,
    "tuning.tracking:TrackingError": 2,
    "tuning.address:LostClusterError": 1,
    "tuning.address:ClusterError": 2,
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


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the option's value
    if wanted:
        typer.echo(metadata.version("twofold"))
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[  # noqa: ARG001  its callback has seen it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option(help="Where torch computes; else TWOFOLD_DEVICE, else a GPU where there is one."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="A Ray cluster: auto, HOST:PORT, ray://HOST:PORT; else RAY_ADDRESS, else this machine."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="What a cluster's machines share: a folder, s3://, gs://; else TWOFOLD_STORAGE, else this machine's."
        ),
    ] = None,
) -> None:
    """Take what stands before the command."""
    said = {"TWOFOLD_DEVICE": device, "RAY_ADDRESS": address, "TWOFOLD_STORAGE": storage}
    os.environ |= {name: value for name, value in said.items() if value}
    if address and address != "local":
        from tuning.address import find

        find(address)  # whatever the command does with it: a wrong one is said at once


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
        from ensemble.manifest import read_manifest

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
    server: Annotated[str | None, typer.Option(help="A server that recognises them, as http://HOST:PORT.")] = None,
    key: Annotated[str | None, typer.Option(envvar="TWOFOLD_KEY", help="Key for that server.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recognise clips, or those of a corpus: a timeline of each as JSON, CSV, Parquet, ABAW text and a picture."""
    if bool(clips) == bool(corpus):
        raise typer.BadParameter("give clips (and folders of clips), or a corpus with --corpus NAME=FOLDER, not both")
    if server and (bundle or corpus or abaw):
        raise typer.BadParameter("a server has its own bundle and files: leave --bundle, --corpus and --abaw away")
    from ensemble.predict import Wishes
    from ensemble.predict import predict as run
    from ensemble.write.abaw import parse_kinds
    from modalities.device import device
    from modalities.native import use_threads
    from serve.remote import predict as ask

    wishes = Wishes(frozenset(without or ()), all_tracks=tracks == "all", prompts=tuple(prompt or ()))
    with Console(stderr=True).status("starting") as status:

        def report(text: str) -> None:
            status.update(escape(text))

        if server:
            summary = ask(clips or [], out, server, key, wishes=wishes, report=report)
        else:
            device()
            use_threads(1)
            sources = clips or clips_of(corpus or [], split)
            summary = run(sources, out, bundle, wishes=wishes, abaw=parse_kinds(abaw), report=report)
    for remark in summary.remarks():
        typer.echo(f"twofold: {remark}", err=True)
    if as_json:
        typer.echo(json.dumps(summary.document()))
    else:
        show(*summary.table())
    raise typer.Exit(summary.code)


for command in (train, tune, evaluate, reproduce, demo, size, serve, key):
    app.command()(command)
app.add_typer(corpus_app, name="corpus")


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
