"""Captions that exist already, in a table: CSV (also .csv.gz) or Parquet.

Two kinds are understood, told apart by their columns:

    clip, start, end, text      the span in seconds
    video_name, text, …         as the RAS authors publish theirs: `01___0000.mp4` is the first segment of clip 01
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

from modalities import config
from modalities.cues.cue import Cue
from modalities.grid import Grid
from modalities.pretrained import Unloaded
from modalities.types import FOREVER, SECOND, Caption, Captions, ClipName, Frames, Microseconds, Percept, Segment

_SPANS, _PUBLISHED = ("clip", "start", "end", "text"), ("video_name", "text")
_NUMBERED = re.compile(r"(?P<clip>.+)___(?:.*_)?(?P<number>\d+)(?:\.\w+)?")
_ENDING = re.compile(r"\.(mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv|flv|3gp|ts|ogv|wav|mp3|m4a|aac|flac|ogg|opus)", re.I)
Row = Mapping[str, Any]


class CaptionTableError(ValueError):
    """A table of captions cannot be read."""


class TableCaption(Unloaded, Cue):
    """Captions from a table, by the clip's name; a clip that it does not know has none."""

    name: ClassVar[str] = "caption_table"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"clip": ClipName, "frames": Frames}
    gives: ClassVar[type[Percept]] = Captions

    class Config(config.Config):
        """Where the table lies, and the grid whose segments it numbers, where it does."""

        path: Path
        grid: Grid = Grid()

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """The clip's name, and how far it was seen."""
        return {"clip": "clip", "frames": "frames"}

    @property
    def reads(self) -> tuple[Path, ...]:
        """The table."""
        return (self.config.path,)

    def perceive(
        self,
        percepts: Mapping[str, Percept],
        segments: Sequence[Segment],
        memory: Microseconds | None,  # up to where captions were handed out
    ) -> tuple[Captions, Microseconds]:
        """Hand out the captions that end in the new stretch; at the end of the clip all that began, cut there."""
        known = captions_of(cast(ClipName, percepts["clip"]).name, self._captions)
        until, told = percepts["frames"].until, memory or 0
        if until < FOREVER:
            return Captions(tuple(caption for caption in known if told < caption.end <= until), until), until
        end = segments[-1].end
        left = (caption for caption in known if caption.end > told and caption.start < end)
        return Captions(tuple(Caption(c.text, c.start, min(c.end, end)) for c in left), FOREVER), FOREVER

    @cached_property
    def _captions(self) -> Mapping[str, tuple[Caption, ...]]:
        return read_captions(self.config.path, self.config.grid)


def without_ending(name: str) -> str:
    """Return the name of a clip, with its folder, without that of its format: by this tables know it."""
    path = Path(name)
    return (path.with_suffix("") if _ENDING.fullmatch(path.suffix) else path).as_posix()


def captions_of(name: str, table: Mapping[str, tuple[Caption, ...]]) -> tuple[Caption, ...]:
    """Look a clip up: as it is named, or without its folder where that leaves no doubt; none where it is unknown."""
    clip = without_ending(name)
    if clip in table:
        return table[clip]
    alike = [known for known in table if Path(known).name == Path(clip).name]
    if len(alike) > 1:
        raise CaptionTableError(
            f"the table of captions has {len(alike)} clips called {Path(clip).name} ({', '.join(alike[:3])}), and "
            f"{name} is none of them by its folder; name the clips alike in both"
        )
    return table[alike[0]] if alike else ()


def read_captions(path: Path, grid: Grid) -> Mapping[str, tuple[Caption, ...]]:
    """Read a table: clip's name without ending → its captions, by their ends; `grid`: what a number in it counts.

    Raises `CaptionTableError`, which names file and row. A row without text is no caption.
    """
    columns, rows = _read(path)
    parsers: dict[tuple[str, ...], Callable[[Row], tuple[str, Caption]]] = {
        _SPANS: _spanned,
        _PUBLISHED: lambda row: _numbered(row, grid),
    }
    parse = next((parser for needed, parser in parsers.items() if set(needed) <= set(columns)), None)
    if parse is None:
        raise CaptionTableError(
            f"{path} has the columns {', '.join(columns) or 'none'}, but a table of captions needs "
            f"{' or '.join(', '.join(needed) for needed in parsers)}"
        )
    found: dict[str, list[Caption]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        try:
            clip, caption = parse(_whole(row))
        except CaptionTableError as error:
            raise CaptionTableError(f"{path}, row {number} below the header: {error}") from None
        if caption.text:
            found[clip].append(caption)
    return {clip: tuple(sorted(captions, key=lambda c: (c.end, c.start))) for clip, captions in found.items()}


def _read(path: Path) -> tuple[Sequence[str], Sequence[Row]]:
    """Return the columns and the rows of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no table of captions {path}; check the path")
    try:
        if path.suffix == ".parquet":
            # Imported here because most tables need none of it.
            import pyarrow.parquet

            table = pyarrow.parquet.read_table(path)
            return table.column_names, table.to_pylist()
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            return reader.fieldnames or (), list(reader)
    except (ValueError, OSError, EOFError, zlib.error, csv.Error) as error:
        raise CaptionTableError(
            f"{path} cannot be read as CSV (.csv, .csv.gz) or Parquet (.parquet): {error}"
        ) from error


def _whole(row: Row) -> Row:
    if None in row:
        raise CaptionTableError("it has more cells than columns; a text with a comma stands in quotation marks")
    return row


def _spanned(row: Row) -> tuple[str, Caption]:
    clip, start, end = _text(row, "clip"), _time(row, "start"), _time(row, "end")
    if not clip:
        raise CaptionTableError("it names no clip")
    if not 0 <= start < end:
        raise CaptionTableError(
            f"a caption must begin at 0 or later and end after it begins, but goes from {start / SECOND:g} s "
            f"to {end / SECOND:g} s"
        )
    return without_ending(clip), Caption(_text(row, "text"), start, end)


def _numbered(row: Row, grid: Grid) -> tuple[str, Caption]:
    name = _text(row, "video_name")
    found = _NUMBERED.fullmatch(name)
    if found is None:
        raise CaptionTableError(
            f"video_name must be a clip and a segment's number, as in 01___0000.mp4, but is {name!r}"
        )
    return without_ending(found["clip"]), Caption(_text(row, "text"), *grid.span(int(found["number"])))


def _time(row: Row, column: str) -> Microseconds:
    text = _text(row, column)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CaptionTableError(f"{column} must be a number of seconds, but is {text!r}")
    return round(value * SECOND)


def _text(row: Row, column: str) -> str:
    """Return a cell as one paragraph; empty where there is none."""
    value = row[column]
    return "" if value is None else " ".join(str(value).split())
