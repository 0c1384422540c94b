"""A tiny tree of every corpus in its real layout: what tests of a reader begin with, before they change or break it.

root = TREES["meld"](tmp_path)
corpus = read_corpus("meld", root)
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.tuning.corpora.trees.pictures import COMPOUND, affectnet, ckplus, fer2013, rafdb
from tests.tuning.corpora.trees.spoken import ACTED, acted, iemocap, meld
from tests.tuning.corpora.trees.videos import afew, affwild2, affwild2_mtl, cexprdb, demo, manifest, ras_captions

TREES: Mapping[str, Callable[[Path], Path]] = {
    "demo": demo,
    **{name: partial(acted, name) for name in ACTED},
    **dict.fromkeys(("iemocap", "iemocap4", "iemocap5", "iemocap6"), iemocap),
    "meld": meld,
    **dict.fromkeys(("rafdb", "rafdb_original"), rafdb),
    **dict.fromkeys(("rafdb_compound", "rafdb_compound_original"), partial(rafdb, lines=COMPOUND)),
    "affectnet": affectnet,
    "ckplus": ckplus,
    "fer2013": fer2013,
    "affwild2": affwild2,
    "affwild2_mtl": affwild2_mtl,
    "afew": afew,
    "cexprdb": cexprdb,
    "ras_captions": ras_captions,
    "ras_captions_2": ras_captions,
    "manifest": manifest,
}
"""Name in the catalog → what makes a whole tree in a folder and returns it."""
