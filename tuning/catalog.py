"""Corpora: name → "module:function" of the reader, imported only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from tuning.corpora.corpus import Corpus

CORPORA: Mapping[str, str] = {
    "demo": "tuning.corpora.demo:read_demo",
}


def read_corpus(name: str, folder: Path) -> Corpus:
    """Read a corpus of the catalog from its folder."""
    if name not in CORPORA:
        raise ValueError(f"there is no corpus {name!r}; choose one of {', '.join(CORPORA)}")
    module, _, function = CORPORA[name].partition(":")
    reader: Callable[[Path], Corpus] = getattr(import_module(module), function)
    return reader(folder)
