"""Evaluates a bundle on a split of corpora: encodes what is missing, scores each corpus and all of them pooled.

twofold evaluate runs/train/bundle --corpus demo=~/.cache/twofold/demo/seed-7 --split test
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ensemble import bundle
from ensemble.manifest import read_manifest
from ensemble.plan import Plan
from tuning.cluster import running
from tuning.corpora.corpus import Corpus, Split
from tuning.encodings import EncodingCache
from tuning.evaluation.compare import CompareError, Difference, compare
from tuning.evaluation.evaluate import FUSED, judge, scores
from tuning.evaluation.result import Judged, Result
from tuning.evaluation.splits import labelled, read_split, speaking
from tuning.run import encode
from tuning.stages import Stages
from tuning.storage import kept

POOLED = "all corpora"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a bundle said about one split of corpora, and what it scores."""

    bundle: Path
    plan: Plan
    manifest: Mapping[str, Any]
    split: Split
    corpora: Mapping[str, Corpus]  # the split's clips only
    judged: Mapping[str, Judged]  # of all corpora: who was asked → what was said
    results: Mapping[str, list[Result]]  # corpus → who was asked; `POOLED` too where there are several

    @property
    def whole(self) -> list[Result]:
        """Of everything: the one corpus, or all of them pooled."""
        return self.results[POOLED] if len(self.corpora) > 1 else next(iter(self.results.values()))

    def used(self, name: str) -> str | None:
        """Say what training used a corpus's clips for, if for anything: then its figures flatter."""
        made = self.manifest["provenance"]
        if self.corpora[name].name not in made.get("corpora", {}) or self.split == "test":
            return None
        if self.split == "train":
            return "the bundle learnt from these clips"
        return "these clips decided when the bundle was trained" if made.get("dev") == "given" else None


def evaluate_bundle(folder: Path, corpora: Mapping[str, Path], split: Split, stages: Stages) -> Evaluation:
    """Score a bundle; CorpusError where a corpus has no such split, BundleError where there is no bundle."""
    manifest = read_manifest(folder)
    with bundle.load(folder) as recognizer:
        plan = recognizer.plan
        read = {
            name: speaking(labelled(read_split(name, root, split)), plan.settings) for name, root in corpora.items()
        }
        # A cache for each: clips of two corpora may have the same name.
        caches = {name: EncodingCache(kept("encodings"), plan) for name in read}
        _encode_missing(stages, read, caches)
        with stages.stage(f"judge {split}") as show:
            said: dict[str, dict[str, Judged]] = {}
            for number, (name, corpus) in enumerate(read.items(), start=1):
                said[name] = judge(recognizer, corpus.clips, caches[name])
                show(number / len(read))
    pooled = {who: Judged.join([one[who] for one in said.values()]) for who in next(iter(said.values()))}
    results = {name: scores(one, plan) for name, one in said.items()}
    if len(said) > 1:
        results[POOLED] = scores(pooled, plan)
    return Evaluation(folder, plan, manifest, split, read, pooled, results)


def compare_bundles(first: Evaluation, second: Evaluation) -> list[Difference]:
    """Compare two fused ensembles on the same clips."""
    if first.plan.tasks != second.plan.tasks:
        raise CompareError(
            f"{first.bundle} and {second.bundle} tell different labels apart, so nothing can be compared; "
            "give two bundles with the same expressions and compounds"
        )
    return compare(first.judged[FUSED], second.judged[FUSED], first.plan.tasks)


def _encode_missing(stages: Stages, corpora: Mapping[str, Corpus], caches: Mapping[str, EncodingCache]) -> None:
    missing = {name: caches[name].missing(corpus.clips) for name, corpus in corpora.items()}
    wanted = {name: clips for name, clips in missing.items() if clips}
    if wanted:
        with running():
            for name, clips in wanted.items():
                encode(stages, [replace(corpora[name], clips=tuple(clips))], caches[name])
