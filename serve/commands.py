"""Commands that serve: `twofold serve`, and `twofold key` for those who may ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape

from modalities.console import AsJson


def serve(
    bundle: Annotated[
        Path | None, typer.Argument(help="A trained ensemble; else TWOFOLD_BUNDLE, else the demo's.")
    ] = None,
    *,
    settings: Annotated[Path | None, typer.Option(help="Settings of the server (TOML).")] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen; 0.0.0.0 for everybody.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="On which port.")] = None,
    placement: Annotated[
        Literal["auto", "compact", "spread"] | None,
        typer.Option(help="All parts in one process (compact), or each in a deployment of its own (spread)."),
    ] = None,
) -> None:
    """Serve a bundle over HTTP, with a page to drop clips on, until Ctrl-C."""
    from ensemble.manifest import find_bundle
    from serve.run import run
    from serve.settings import read_settings

    made = read_settings(settings)
    changes: dict[str, dict[str, Any]] = {
        "http": {name: value for name, value in (("host", host), ("port", port)) if value is not None},
        "graph": {} if placement is None else {"placement": placement},
    }
    made = made.model_copy(
        update={name: getattr(made, name).model_copy(update=change) for name, change in changes.items()}
    )
    console = Console(stderr=True)
    with console.status("starting Ray and the graph") as status:

        def report(text: str) -> None:
            status.stop()
            typer.echo(text)

        run(find_bundle(bundle), made, report)
    console.print(escape("twofold: stopped"), highlight=False)


def key(
    name: Annotated[str, typer.Argument(help="Whose key it is; a word.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key: the key itself, to be told once, and the line for the file `http.keys`, which holds only its hash."""
    from serve.http.keys import make_key

    made, line = make_key(name)
    if as_json:
        typer.echo(json.dumps({"key": made, "line": line}))
    else:
        typer.echo(f"key (tell it to {name}, it is shown this once):\n  {made}\nline for the file of keys:\n  {line}")
