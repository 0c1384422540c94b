"""The fusion, and λ of the mapping: fitted on what the members say about dev."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ensemble.fusion import DirichletFusion
from ensemble.mapping import Mapping as CompoundMapping
from ensemble.opinions import Opinions
from ensemble.perception import Impression
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from modalities.types import Array, Output, Scores, Segment
from tuning import metrics
from tuning.encodings import EncodingCache
from tuning.fit import Data, FitSettings, Held, Report, fit
from tuning.fit.world import World
from tuning.fusion_objective import FEATURES, FusionObjective
from tuning.members import Known, labelled_track
from tuning.objectives import SURE, taught
from tuning.search.weights.settle import settle
from tuning.search.weights.votes import Votes

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""λ to choose from: how much members count that speak compound themselves."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What members say about the timeline's segments of a clip's labelled person, and what is true."""

    opinions: Opinions
    targets: Mapping[str, Scores]


def listen(plan: Plan, clips: Sequence[Known], cache: EncodingCache) -> list[Heard]:
    """Ask the members about clips, one after the other."""
    recognizer, heard = Recognizer(plan), list[Heard]()
    for known in clips:
        impression = cache.load(known.clip)
        heard.append(hear(recognizer, known, impression, recognizer.judge(impression)))
    return heard


def hear(recognizer: Recognizer, known: Known, impression: Impression, outputs: Mapping[str, Output]) -> Heard:
    """Bring what members said about a clip onto the timeline's segments of the labelled person."""
    (piece,) = recognizer.weigh([(impression, outputs)])
    opinions = piece.verdict.opinions
    about = opinions.take(_about(opinions.segments, labelled_track(impression)))
    return Heard(about, known.clip.targets(about.segments, impression.row_times))


def fit_fusion(
    plan: Plan, heard: Sequence[Heard], settings: FitSettings, seed: int, report: Report | None = None
) -> float:
    """Fit the fusion, by gradient or by a search, as it asks for; returns its metric on the same rows."""
    kinds = {name: task.kind for name, task in plan.tasks.items()}
    rows = fusion_rows(plan, heard)
    gamma = settings.gamma if settings.loss == "focal" else 0.0
    objective = FusionObjective(kinds, dropout=settings.member_dropout, pull=settings.pull, gamma=gamma)
    if isinstance(plan.fusion, DirichletFusion):
        settle(plan.fusion, votes_of(plan, heard), seed)
    elif any(True for _ in plan.fusion.parameters()):
        alone = World()  # of several workers only the first is here
        fit(plan.fusion, objective, Data(rows, None), settings, seed=seed, report=report, world=alone)
    return objective.score(plan.fusion, rows)


def fusion_rows(plan: Plan, heard: Sequence[Heard]) -> Held:
    """Return what was heard of all clips as rows with targets."""
    whole = Opinions.join([one.opinions for one in heard])
    columns: dict[str, torch.Tensor] = {}
    for task, about in plan.tasks.items():
        missing = [np.full((len(one.opinions.segments), len(about.labels)), np.nan, np.float32) for one in heard]
        parts = [one.targets.get(task, nothing) for one, nothing in zip(heard, missing, strict=True)]
        columns[task] = torch.from_numpy(np.concatenate(parts))
        columns[f"{task}.scores"] = torch.from_numpy(whole.scores[task].transpose(1, 0, 2).copy())
        columns[f"{task}.said"] = torch.from_numpy(whole.said[task].transpose(1, 0, 2).copy())
        columns[f"{task}.uncertainty"] = torch.from_numpy(whole.uncertainty[task].transpose(1, 0, 2).copy())
    if plan.fusion.looks_at_features:
        columns |= {FEATURES + member: torch.from_numpy(values) for member, values in whole.features.items()}
    return Held(columns, tuple(plan.tasks))


def votes_of(plan: Plan, heard: Sequence[Heard]) -> dict[str, Votes]:
    """Return what was heard of all clips as votes, task by task."""
    whole = Opinions.join([one.opinions for one in heard])
    targets, zeros = fusion_rows(plan, heard).targets, plan.fusion.config.unspoken == "zero"
    clips = np.repeat(np.arange(len(heard)), [len(one.opinions.segments) for one in heard])
    found: dict[str, Votes] = {}
    for task, about in plan.tasks.items():
        said, truth = whole.said[task], taught(task, about.kind, targets[task]).numpy()
        scores = np.where(said, whole.scores[task], np.float32(0))
        said = np.broadcast_to(said.any(axis=2, keepdims=True), said.shape) if zeros else said
        found[task] = Votes(about.kind, scores, said, truth, clips, np.zeros_like(clips))
    return found


def fit_mapping(plan: Plan, heard: Sequence[Heard]) -> CompoundMapping:
    """Return the plan's mapping with what it learns from dev, and λ."""
    parts = fusion_rows(plan, heard).targets
    plan.mapping.learn(Opinions.join([one.opinions for one in heard]), {task: v.numpy() for task, v in parts.items()})
    share = choose_spoken_share(plan, heard)
    mapping = type(plan.mapping)(plan.mapping.config.model_copy(update={"spoken_share": share}))
    mapping.restore(plan.mapping.state())
    return mapping


def choose_spoken_share(plan: Plan, heard: Sequence[Heard]) -> float:
    """Choose λ by the macro-F1 of compounds; of equals, the one nearest to one half.

    Where no member speaks compound, or nothing is labelled with it, λ stays as it is.
    """
    chosen = plan.mapping.config.spoken_share
    labelled = [one for one in heard if "compound" in one.targets]
    if not plan.mapping.config.spoken or not labelled:
        return chosen
    truth = np.concatenate([one.targets["compound"] for one in labelled])
    sure = np.nan_to_num(truth).max(axis=1) > SURE
    fused = [plan.fusion.fuse(one.opinions) for one in labelled]
    results: dict[float, float] = {}
    for share in SHARES:
        pairs = zip(labelled, fused, strict=True)
        scores = np.concatenate([plan.mapping.compound(one.opinions, scored, share)[0] for one, scored in pairs])
        results[share] = metrics.macro_f1(truth[sure].argmax(1), scores[sure].argmax(1), len(plan.mapping.pairs))
    return max(SHARES, key=lambda share: (round(results[share], 3), -abs(share - 0.5)))


def _about(segments: tuple[Segment, ...], person: int | None) -> Array:
    """Of each cell the segment about a person, or the one about nobody where the person was not seen."""
    best: dict[tuple[int, int], int] = {}
    for row, segment in enumerate(segments):
        if segment.track is None or segment.track == person:
            cell = (segment.start, segment.end)
            if cell not in best or segment.track is not None:
                best[cell] = row
    return np.array(sorted(best.values()), np.int64)
