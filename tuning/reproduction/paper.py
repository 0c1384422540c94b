"""What a paper prints: one data file per paper, `tuning/reproduction/<name>.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from modalities.config import Config
from tuning.corpora.corpus import Split

PAPERS = Path(__file__).parent
MAPPINGS = ("ppa", "pfsa")


class ReproductionError(ValueError):
    """Something that cannot be reproduced; the message says what can."""


class Scored(Config):
    """A corpus that a paper scores on."""

    name: str
    split: Split


class Row(Config):
    """A row of Table 1, in percent."""

    id: int
    member: str
    recipe: str
    """The recipe with PPA; the one with PFSA has the same name and `-pfsa`."""
    weights: tuple[str, ...] = ()
    of: tuple[int, ...] = ()
    """The rows that it fuses."""
    affwild2: tuple[float, float]
    """Macro-F1 and UAR over 8 labels, as those of AFEW."""
    afew: tuple[float, float]
    ppa: float | None = None
    """Macro-F1 on C-EXPR-DB."""
    pfsa: float | None = None

    def recipe_for(self, mapping: str) -> str:
        """Return the recipe with a mapping."""
        return self.recipe if mapping == MAPPINGS[0] else f"{self.recipe}-{mapping}"


class Other(Config):
    """A row of Table 2: macro-F1 on C-EXPR-DB, in percent; the paper's own says which row of Table 1 it is."""

    method: str
    setup: str
    modality: str
    f1: float
    id: int | None = None
    mapping: Literal["ppa", "pfsa"] = "ppa"


class Paper(Config):
    """The tables of a paper, and what is to be known when they are compared with."""

    title: str
    notes: tuple[str, ...] = ()
    corpora: dict[str, Scored]
    rows: tuple[Row, ...]
    others: tuple[Other, ...]

    @model_validator(mode="after")
    def _knows_its_rows(self) -> Self:
        known = {row.id for row in self.rows}
        named = {number for row in self.rows for number in row.of} | {one.id for one in self.others if one.id}
        if len(known) != len(self.rows) or named - known:
            raise ValueError(f"rows must be numbered once each, and {sorted(named - known)} are no rows")
        return self

    def row(self, number: int) -> Row:
        """Return a row by its ID."""
        return next(row for row in self.rows if row.id == number)

    def weights_of(self, row: Row) -> tuple[str, ...]:
        """Return what a row needs, and what the rows need that it fuses."""
        parts = [name for number in row.of for name in self.row(number).weights]
        return tuple(dict.fromkeys([*row.weights, *parts]))


def read_paper(name: str) -> Paper:
    """Read a paper's tables by name."""
    path = PAPERS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(paper.stem for paper in PAPERS.glob("*.toml")))
        raise ReproductionError(f"there are no tables of {name}; there are those of {known}")
    return Paper.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
