"""Corpora: name → "module:function" of the reader, imported only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from tuning.corpora.corpus import Corpus, CorpusError

CORPORA: Mapping[str, str] = {
    "demo": "tuning.corpora.demo:read_demo",
    "ravdess": "tuning.corpora.ravdess:read_ravdess",
    "cremad": "tuning.corpora.cremad:read_cremad",
    "savee": "tuning.corpora.savee:read_savee",
    "emodb": "tuning.corpora.emodb:read_emodb",
    "iemocap": "tuning.corpora.iemocap:read_iemocap",
    "iemocap4": "tuning.corpora.iemocap:read_iemocap4",
    "iemocap5": "tuning.corpora.iemocap:read_iemocap5",
    "iemocap6": "tuning.corpora.iemocap:read_iemocap6",
    "meld": "tuning.corpora.meld:read_meld",
    "rafdb": "tuning.corpora.rafdb:read_rafdb",
    "rafdb_original": "tuning.corpora.rafdb:read_rafdb_original",
    "rafdb_compound": "tuning.corpora.rafdb:read_rafdb_compound",
    "rafdb_compound_original": "tuning.corpora.rafdb:read_rafdb_compound_original",
    "affectnet": "tuning.corpora.affectnet:read_affectnet",
    "ckplus": "tuning.corpora.ckplus:read_ckplus",
    "fer2013": "tuning.corpora.fer2013:read_fer2013",
    "affwild2": "tuning.corpora.affwild2:read_affwild2",
    "affwild2_mtl": "tuning.corpora.affwild2:read_affwild2_mtl",
    "afew": "tuning.corpora.afew:read_afew",
    "cexprdb": "tuning.corpora.cexprdb:read_cexprdb",
    "ras_captions": "tuning.corpora.ras_captions:read_ras_captions",
    "ras_captions_2": "tuning.corpora.ras_captions:read_ras_captions_2",
    "manifest": "tuning.corpora.manifest:read_manifest",
}


def read_corpus(name: str, folder: Path) -> Corpus:
    """Read a corpus from its folder: by its name in the catalog, or by a stranger's "module:function"."""
    return find_reader(name)(folder)


def find_reader(name: str) -> Callable[[Path], Corpus]:
    """Return what reads a corpus; CorpusError where there is no such reader."""
    address = name if ":" in name else CORPORA.get(name)
    if address is None:
        known = ", ".join(CORPORA)
        raise CorpusError(name, [f"there is no such corpus; choose one of {known}, or give module:function"])
    module, _, function = address.partition(":")
    try:
        reader: Callable[[Path], Corpus] = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise CorpusError(
            name, [f"there is no such reader ({error}); give module:function, importable here"]
        ) from error
    return reader
