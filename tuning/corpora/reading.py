"""What every reader of a corpus needs: problems are gathered, each a sentence, and raised together at the end.

    with Findings("emodb", root) as found:
        for path in found.files("*.wav"):
            label = found.one_of(letter, LETTERS, f"{path.name}: the sixth letter")

A reader makes typed clips and nothing else: no decoding, no resizing, no guessing.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pandas as pd

from tuning.corpora.corpus import SPLITS, CorpusError, Split

Value = TypeVar("Value")

RECORDINGS = (".mp4", ".flv", ".avi", ".wav", ".flac", ".opus", ".mp3")
"""Endings of films and of sound, the fullest first: of one take in several formats, the first is read."""
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class Findings:
    """Gathers what is wrong with a corpus while it is read; leaving the block raises `CorpusError` with all of it."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.duplicates = 0
        self._seen: set[bytes] = set()

    def __enter__(self) -> Self:
        if not self.root.is_dir():
            raise CorpusError(self.name, [f"there is no folder {self.root}; give the folder of the corpus"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None and self.problems:
            raise CorpusError(self.name, self.problems)

    def files(self, pattern: str, endings: Sequence[str] = ()) -> list[Path]:
        """Return the files that fit a pattern, sorted by format and name; none at all is a problem.

        `endings`: which formats there may be, such as `RECORDINGS`; files of others are passed over, and hidden ones.
        """
        found = sorted(path for path in self.root.glob(pattern) if path.is_file() and not path.name.startswith("."))
        if endings:
            ours = [path for path in found if path.suffix.lower() in endings]
            found = sorted(ours, key=lambda path: endings.index(path.suffix.lower()))
        if not found:
            kind = f" ({', '.join(endings)})" if endings else ""
            self.problems.append(f"there is no {pattern}{kind} in {self.root}; is this the folder of the corpus?")
        return found

    def recording(self, stem: Path, why: str) -> Path | None:
        """Return the fullest recording of a path without ending; none is a problem."""
        paths = [stem.with_name(stem.name + ending) for ending in RECORDINGS]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            self.problems.append(f"{self._short(stem)} ({', '.join(RECORDINGS)}) is missing, but {why}")
        return found

    def named(self, path: Path, pattern: re.Pattern[str], example: str) -> re.Match[str] | None:
        """Take a file's stem apart, by the corpus's way of naming; another name is a problem, and None."""
        found = pattern.fullmatch(path.stem)
        if found is None:
            self.problems.append(f"{self._short(path)} is not named like {example}; is it a file of this corpus?")
        return found

    def there(self, path: Path, why: str) -> bool:
        """Whether a file that something names exists; a missing one is a problem."""
        if not path.is_file():
            self.problems.append(f"{self._short(path)} is missing, but {why}")
        return path.is_file()

    def lines(self, path: Path) -> list[str]:
        """Read the lines of a text in UTF-8, without empty ones at its end; none where it cannot be read."""
        if not self.there(path, "the corpus needs it"):
            return []
        try:
            return path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        except (UnicodeDecodeError, OSError) as error:
            self.problems.append(f"{self._short(path)} cannot be read as text in UTF-8: {error}; copy it anew")
            return []

    def table(self, path: Path, columns: Sequence[str], **options: object) -> pd.DataFrame:
        """Read a CSV (gzipped or not) whose header must have these columns; empty where it cannot be read."""
        nothing = pd.DataFrame(columns=list(columns))
        if not self.there(path, "the corpus needs it"):
            return nothing
        try:
            rows: pd.DataFrame = pd.read_csv(path, **options)  # type: ignore[call-overload]  # options are pandas' own
        except (ValueError, OSError, EOFError, zlib.error) as error:
            self.problems.append(f"{self._short(path)} cannot be read as a table: {error}; copy it anew")
            return nothing
        if not isinstance(rows.index, pd.RangeIndex):  # pandas takes the first cells for names of rows
            self.problems.append(
                f"{self._short(path)} has rows of more cells than its header has columns "
                f"({', '.join(map(str, rows.columns))}); is it the file that the authors publish?"
            )
            return nothing
        if missing := [column for column in columns if column not in rows.columns]:
            self.problems.append(
                f"{self._short(path)} has the columns {', '.join(map(str, rows.columns))}, but lacks "
                f"{', '.join(missing)}; is it the file that the authors publish?"
            )
            return nothing
        return rows

    def one_of(self, given: object, known: Mapping[str, Value], where: str) -> Value | None:
        """Look up a label or a code; an unknown one is a problem, and None."""
        found = known.get(str(given))
        if found is None:
            self.problems.append(f"{where} is {given!r}, but must be one of {', '.join(known)}")
        return found

    def twice(self, content: bytes) -> bool:
        """Whether the same content came before; then it is counted as a duplicate, to be left out."""
        digest = hashlib.sha256(content).digest()
        again = digest in self._seen
        self._seen.add(digest)
        self.duplicates += again
        return again

    def _short(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def places_of(names: Iterable[str]) -> dict[str, list[int]]:
    """Return each name with the places where it stands, in order of appearance."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    return places


def split_by_subject(subjects: Iterable[str]) -> dict[str, Split]:
    """Split a corpus that has no splits of its own: of the sorted subjects every fifth tests, the next is dev."""
    sides: tuple[Split, ...] = (SPLITS[2], SPLITS[1], SPLITS[0], SPLITS[0], SPLITS[0])
    return {subject: sides[number % len(sides)] for number, subject in enumerate(sorted(set(subjects)))}
