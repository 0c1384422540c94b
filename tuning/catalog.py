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
    """Read a corpus from its folder: by its name in the catalog, or by a stranger's "module:function"."""
    address = name if ":" in name else CORPORA.get(name)
    if address is None:
        raise ValueError(f"there is no corpus {name!r}; choose one of {', '.join(CORPORA)}, or give module:function")
    module, _, function = address.partition(":")
    reader: Callable[[Path], Corpus] = getattr(import_module(module), function)
    return reader(folder)
