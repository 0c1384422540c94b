"""What commands print: tables on stdout, for people; in a file or a pipe no line is broken."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")]


def show(columns: list[str], rows: list[list[str]]) -> None:
    """Print a plain table."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*map(escape, row))  # a clip may be called [x]
    put(grid, 1000)


def put(table: Table, width: int) -> None:
    """Print a table as wide as the terminal, or so wide where there is none."""
    Console(width=None if sys.stdout.isatty() else width).print(table)
