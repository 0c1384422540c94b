"""What every reader of a corpus needs: problems are gathered, each a sentence, and raised together at the end.

    with Findings("emodb", root) as found:
        for path in found.files("*.wav"):
            label = found.one_of(letter, LETTERS, f"{path.name}: the sixth letter")

A reader makes typed clips and nothing else: no decoding, no resizing, no guessing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import pandas as pd

from tuning.corpora.corpus import SPLITS, CorpusError, Split

Value = TypeVar("Value")


class Findings:
    """Gathers what is wrong with a corpus while it is read; leaving the block raises `CorpusError` with all of it."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root = name, root
        self.problems: list[str] = []
        self.duplicates = 0
        self._seen: set[bytes] = set()

    def __enter__(self) -> Self:
        if not self.root.is_dir():
            raise CorpusError(self.name, [f"there is no folder {self.root}; give the folder of the corpus"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None and self.problems:
            raise CorpusError(self.name, self.problems)

    def files(self, pattern: str) -> list[Path]:
        """Return the files that fit a pattern, sorted; none at all is a problem."""
        found = sorted(path for path in self.root.glob(pattern) if path.is_file())
        if not found:
            self.problems.append(f"there is no {pattern} in {self.root}; is this the folder of the corpus?")
        return found

    def there(self, path: Path, why: str) -> bool:
        """Whether a file that something names exists; a missing one is a problem."""
        if not path.is_file():
            self.problems.append(f"{self._short(path)} is missing, but {why}")
        return path.is_file()

    def table(self, path: Path, columns: Sequence[str], **options: object) -> pd.DataFrame:
        """Read a CSV (gzipped or not) whose header must have these columns; empty where it cannot be read."""
        if not self.there(path, "the corpus needs it"):
            return pd.DataFrame(columns=list(columns))
        try:
            rows: pd.DataFrame = pd.read_csv(path, **options)  # type: ignore[call-overload]  # options are pandas' own
        except (ValueError, OSError) as error:
            self.problems.append(f"{self._short(path)} cannot be read as a table: {error}")
            return pd.DataFrame(columns=list(columns))
        if missing := [column for column in columns if column not in rows.columns]:
            self.problems.append(
                f"{self._short(path)} has the columns {', '.join(map(str, rows.columns))}, but lacks "
                f"{', '.join(missing)}; is it the file that the authors publish?"
            )
            return pd.DataFrame(columns=list(columns))
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


def split_by_subject(subjects: Iterable[str]) -> dict[str, Split]:
    """Split a corpus that has no splits of its own: of the sorted subjects every fifth tests, the next is dev."""
    sides: tuple[Split, ...] = (SPLITS[2], SPLITS[1], SPLITS[0], SPLITS[0], SPLITS[0])
    return {subject: sides[number % len(sides)] for number, subject in enumerate(sorted(set(subjects)))}
