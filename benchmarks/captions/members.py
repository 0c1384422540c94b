"""What learns: one head on the captions of all members, the fusion of what it says, and the baseline beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from benchmarks.captions.side import CLASSES, MEMBERS, Side, folder_of, rows_of
from ensemble.fusion import Evidence, MultiHeadProbabilityFusion
from ensemble.plan import EnsembleSettings, Plan
from ensemble.prototypes import prototypes, similarities
from modalities.grid import Grid
from modalities.heads.head import Head
from modalities.types import Array, Encoding, Mask, Scores
from tuning.fit import Data, FitSettings, Held, fit
from tuning.fusion_objective import FusionObjective
from tuning.metrics import macro_f1
from tuning.objectives import HeadObjective

ENCODERS: Mapping[str, tuple[dict[str, Any], str]] = {
    "terms": ({"kind": "terms"}, "lexicon"),
    "ngrams": ({"kind": "ngrams", "width": 4096}, "linear"),
    "minilm": ({"kind": "minilm"}, "linear"),
}
"""Name → the encoder, and the head that stands on it."""
DROPOUT, FOLDS, SEEDS = 0.0, 5, (0, 1, 2)
# Adam's decay is a gradient, unlike AdamW's: with it, and unclipped, this is the baseline's regression, at its C = 1.
FIT = FitSettings(epochs=10, batch=128, optimiser="adam", lr=2e-3, weight_decay=0.02, smoothing=0.0, clip=1000.0)
FUSION = FitSettings(epochs=40, batch=128, lr=1e-2, pull=1.0)
TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
ITSELF = [(number, number) for number in range(len(CLASSES))]


def settings(encoder: str, table: Path) -> EnsembleSettings:
    """One head over captions; the corpora bring these, so nobody opens the table."""
    reads, kind = ENCODERS[encoder]
    head = {"kind": kind, "grid": Grid(), "tasks": ("expression",), "settings": {"dropout": DROPOUT}}
    scene = {"kind": "scene", "settings": {"encoder": reads}, "heads": {"text": head}}
    cue = {"kind": "caption_table", "path": table}
    return EnsembleSettings.model_validate(
        {"cues": {"caption": cue}, "modalities": {"scene": scene}, "expressions": CLASSES}
    )


def train(plan: Plan, rows: Held, seed: int) -> Head:
    """Train a head on rows, for all epochs."""
    (head,) = Plan.of(plan.settings).heads.values()
    torch.manual_seed(seed)
    head.reset()
    head.standardise_by(rows.columns["steps"], rows.columns["mask"])
    fit(head, HeadObjective(head, rows, FIT), Data(rows, None), FIT, seed=seed)
    return head


def judge(plan: Plan, head: Head, encoding: Encoding) -> tuple[Scores, Scores]:
    """Return probabilities [S, C] and features [S, D]."""
    output = plan.modalities["scene"].judge(encoding, head)
    assert output.features is not None  # noqa: S101  a modality that has a head gives its features
    return output.scores["expression"].values, output.features


def f1(truth: Array, scores: Scores) -> float:
    """Macro-F1 over the seven classes, in per cent."""
    return 100 * macro_f1(truth, scores.argmax(axis=1), len(CLASSES))


@dataclass(frozen=True, slots=True)
class Learnt:
    """Train as an encoder shows it; member → its side, and what heads say of clips that they never saw."""

    plan: Plan
    sides: Mapping[str, Side]
    unseen: Mapping[str, Scores]  # [S, C]
    features: Mapping[str, Scores]  # [S, D], of the same heads

    @classmethod
    def of(cls, corpus: Path, encoder: str) -> Learnt:
        """Read train, and judge every fold by a head of the others."""
        plan = Plan.of(settings(encoder, folder_of(corpus, MEMBERS[0]) / "train_segment_with_text_1.csv"))
        sides = {member: Side.read(plan, corpus, member, "train") for member in MEMBERS}
        first = sides[MEMBERS[0]]
        if any(side.places != first.places for side in sides.values()):
            raise ValueError(f"the tables of train in {corpus} do not describe the same segments; fetch them again")
        unseen, features = ({m: np.zeros_like(side.targets) for m, side in sides.items()} for _ in range(2))
        for others, left in GroupKFold(FOLDS).split(first.truth, groups=first.clips):
            head = train(plan, rows_of(list(sides.values()), others), SEEDS[0])
            for member, side in sides.items():
                unseen[member][left], features[member][left] = judge(plan, head, side.encoding.take(left.tolist()))
        return cls(plan, sides, unseen, features)

    @property
    def score(self) -> float:
        """Macro-F1 inside train, mean over the members."""
        return float(np.mean([f1(side.truth, self.unseen[member]) for member, side in self.sides.items()]))

    def heads(self) -> list[Head]:
        """Train on all of train, once per seed."""
        sides = list(self.sides.values())
        rows = rows_of(sides, np.arange(len(sides[0].places)))
        return [train(self.plan, rows, seed) for seed in SEEDS]


@dataclass(frozen=True, slots=True)
class Near:
    """PFSA for one member: prototypes of those segments of train that were said right without being seen.

    The features of a linear head are its logits (a column per class), so those of different folds can be compared.
    """

    prototypes: Scores
    temperature: float

    @classmethod
    def of(cls, learnt: Learnt, member: str) -> Near:
        """Make prototypes; the temperature is that by which those of some clips tell best what others are."""
        side, said = learnt.sides[member], learnt.unseen[member].argmax(axis=1)
        features = learnt.features[member]
        likelihood = dict.fromkeys(TEMPERATURES, 0.0)
        for others, left in GroupKFold(FOLDS).split(features, groups=side.clips):
            known = prototypes(features[others], side.truth[others], said[others], len(CLASSES))
            for one in TEMPERATURES:
                right = similarities(features[left], known, ITSELF, one)[np.arange(len(left)), side.truth[left]]
                likelihood[one] += float(np.log(right + 1e-9).sum())
        best = max(likelihood, key=lambda one: likelihood[one])
        return cls(prototypes(features, side.truth, said, len(CLASSES)), best)


class Fused:
    """The fusion of the members, fitted on what heads said about clips of train that they never saw."""

    def __init__(self, learnt: Learnt) -> None:
        speaks = {member: {"expression": CLASSES} for member in MEMBERS}
        tasks = {"expression": {"kind": "distribution", "labels": CLASSES}}
        part = MultiHeadProbabilityFusion
        self._fusion = part(part.Config.model_validate({"speaks": speaks, "tasks": tasks}))
        scores = torch.from_numpy(np.stack([learnt.unseen[member] for member in MEMBERS], axis=1))
        said, targets = torch.ones_like(scores, dtype=torch.bool), learnt.sides[MEMBERS[0]].targets
        columns = {"expression": torch.from_numpy(targets), "expression.scores": scores, "expression.said": said}
        objective = FusionObjective({"expression": "distribution"}, dropout=FUSION.member_dropout, pull=FUSION.pull)
        fit(self._fusion, objective, Data(Held(columns, ("expression",)), None), FUSION, seed=SEEDS[0])

    def fuse(self, scores: Scores, there: Mask) -> Scores:
        """Fuse [M, S, C] of members that are there [M, S]."""
        said = np.repeat(there[..., None], scores.shape[2], axis=2)
        evidence = Evidence({"expression": torch.from_numpy(scores)}, {"expression": torch.from_numpy(said)})
        with torch.inference_mode():
            fused: Scores = self._fusion(evidence, ("expression",))["expression"].numpy()
        return fused


def baseline(learnt: Side, judged: Side) -> Scores:
    """TF-IDF of words and pairs, and balanced logistic regression: each set by itself."""
    terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    regression = LogisticRegression(class_weight="balanced", C=1, max_iter=1000)
    regression.fit(terms.fit_transform(learnt.texts), learnt.truth)
    said: Scores = regression.predict_proba(terms.transform(judged.texts))
    return said


def best_encoder(corpus: Path, encoders: Sequence[str]) -> tuple[str, Learnt, dict[str, float]]:
    """Return the encoder that is best inside train, what was learnt over it, and the score of each."""
    scores: dict[str, float] = {}
    best: tuple[str, Learnt] | None = None
    for encoder in encoders:
        learnt = Learnt.of(corpus, encoder)
        scores[encoder] = learnt.score
        if best is None or scores[encoder] > scores[best[0]]:
            best = encoder, learnt  # only one is kept: encodings are large
    if best is None:
        raise ValueError(f"no encoder was given; name some of {', '.join(ENCODERS)}")
    return *best, scores
