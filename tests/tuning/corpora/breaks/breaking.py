"""What may be done to a tiny tree of a corpus, and what may come of it."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.tuning.corpora.films import write

KINDS = ("missing", "header", "label", "overlap")
NO_FOLDER = r"there is no .* in .*; is this the folder of the corpus\?"
Harm = Callable[[Path], object]


@dataclass(frozen=True)
class Stops:
    """Reading stops with this sentence."""

    harm: Harm
    sentence: str


@dataclass(frozen=True)
class LeftOut:
    """It is read, without the twin: whatever is alike stands in one split."""

    harm: Harm


@dataclass(frozen=True)
class Alike:
    """It is read, for nobody opens the files; looking deeper finds them alike."""

    harm: Harm
    sentence: str


@dataclass(frozen=True)
class Never:
    """It cannot happen in this layout."""

    why: str


def gone(pattern: str) -> Harm:
    """Take away what fits a pattern: files, or all of a folder."""

    def harm(root):
        found = list(root.glob(pattern))
        assert found
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return harm


def copied(source: str, to: str) -> Harm:
    """Put a file's content into another."""
    return lambda root: shutil.copy(root / source, root / to)


def with_line(path: str, *lines: str) -> Harm:
    """Add lines to a text."""
    return lambda root: write(root / path, (root / path).read_text().rstrip(), *lines)


def with_header(path: str, old: str, new: str) -> Harm:
    """Change a word of the first line."""

    def harm(root):
        header, rest = (root / path).read_text().split("\n", 1)
        assert old in header
        (root / path).write_text(header.replace(old, new) + "\n" + rest)

    return harm


Breaks = Mapping[str, Stops | LeftOut | Alike | Never]
"""Kind of break → what comes of it."""
