"""Settings: frozen, strict, and with the range a search may use beside the default.

dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.15
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Base of every settings class: an unknown key is an error, and nothing changes after construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


@dataclass(frozen=True, slots=True)
class Uniform:
    """A number between two bounds, both included; `log` spreads draws over orders of magnitude."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Integers:
    """A whole number between two bounds, both included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    options: tuple[object, ...]


Range = Uniform | Integers | Choice


def ranges(settings: type[Config]) -> dict[str, Range]:
    """Name → range of every setting that a search may vary; nested settings by dotted name."""
    found: dict[str, Range] = {}
    for name, field in settings.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Uniform | Integers | Choice):
                found[name] = mark
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            found |= {f"{name}.{inner}": mark for inner, mark in ranges(field.annotation).items()}
    return found
