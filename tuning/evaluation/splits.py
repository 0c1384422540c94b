"""The clips of one split of corpora: to be scored, or only judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.plan import EnsembleSettings
from ensemble.predict import Gathered, gather_named
from tuning.catalog import CORPORA, read_corpus
from tuning.corpora.corpus import SPLITS, Corpus, CorpusError, Split
from tuning.storage import fetch


def read_split(name: str, root: Path, split: Split) -> Corpus:
    """Read a corpus and keep one split; CorpusError where there is no such corpus, or no clip in the split."""
    if ":" not in name and name not in CORPORA:
        raise CorpusError(
            name, [f"there is no such corpus; choose one of {', '.join(CORPORA)}, or give module:function"]
        )
    corpus = read_corpus(name, fetch(root))
    clips = corpus.split(split)
    if not clips:
        there = [f"{len(corpus.split(side))} in {side}" for side in SPLITS if corpus.split(side)]
        raise CorpusError(name, [f"it has no clip in {split}, but {' and '.join(there) or 'none at all'}; use --split"])
    return replace(corpus, clips=clips)


def speaking(corpus: Corpus, settings: EnsembleSettings) -> Corpus:
    """Bring a corpus to an ensemble's labels; CorpusError where it has labels that the ensemble does not know."""
    compounds = any("compound" in clip.labels for clip in corpus.clips)
    if compounds and list(corpus.compounds.items()) != list(settings.compounds.items()):
        own, known = ", ".join(corpus.compounds), ", ".join(settings.compounds)
        raise CorpusError(corpus.name, [f"it labels the compounds {own}, but the bundle tells apart {known}"])
    return corpus.speaking(settings.expressions)


def labelled(corpus: Corpus) -> Corpus:
    """Return a corpus that has any label; CorpusError where there is nothing to score by."""
    if all(np.isnan(rows).all() for clip in corpus.clips for rows in clip.labels.values()):
        raise CorpusError(
            corpus.name, ["these clips have no labels to score by; `twofold predict --corpus` judges them"]
        )
    return corpus


def gather_split(corpora: Mapping[str, Path], split: Split) -> Gathered:
    """Gather the clips of a split for `predict`; of several corpora each under its corpus's name."""
    found = [(name, clip) for name, root in corpora.items() for clip in read_split(name, root, split).clips]
    several = len(corpora) > 1
    return gather_named(
        (f"{name}/{clip.name}" if several else clip.name, clip.footages(), clip.path) for name, clip in found
    )
