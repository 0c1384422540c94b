"""Which licences there are in a bundle, or among the assets, and whether they allow commercial use."""

from __future__ import annotations

from pydantic import BaseModel

ALLOWS_COMMERCE = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "Unlicense"})


class Licensed(BaseModel):
    """Something that a bundle's manifest names; unless it says so, the licence tells whether commerce is allowed."""

    name: str
    licence: str
    commercial: bool | None = None
    source: str = ""
    note: str = ""

    @property
    def allows_commerce(self) -> bool:
        """Whether commercial use is allowed, as far as is known."""
        return self.licence in ALLOWS_COMMERCE if self.commercial is None else self.commercial


class Manifest(BaseModel):
    """What `bundle.json` says about licences."""

    parts: list[Licensed] = []
    assets: list[Licensed]
    models: list[Licensed] = []

    @property
    def everything(self) -> list[Licensed]:
        """All of it."""
        return [*self.parts, *self.assets, *self.models]
