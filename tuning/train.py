"""Fits every member of a recipe on cached encodings, then the fusion and λ on what the members say about dev.

`train` is the plain function; `tuning/launch.py` runs it in this process or under Ray Train. The test split is not
read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ensemble.opinions import Opinions
from ensemble.perception import Impression
from ensemble.plan import Member, Plan
from ensemble.recognizer import Recognizer
from modalities.native import use_threads
from modalities.types import Encoding, Scores, Segment
from tuning import metrics
from tuning.catalog import read_corpus
from tuning.corpora.corpus import LabelledClip, Split
from tuning.encodings import EncodingCache
from tuning.fit import Batch, Data, Progress, fit
from tuning.objectives import SURE, FusionObjective, HeadObjective
from tuning.recipe import Recipe

FUSION, MAPPING = "fusion", "mapping"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""λ to choose from: how much members count that speak compound themselves."""

Known = list[tuple[LabelledClip, Impression]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a training run needs, small enough to be sent anywhere; clips and encodings are read where it runs."""

    recipe: Recipe
    corpus: Path
    encodings: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Step:
    """Told while a part is fitted (`share` of its epochs done) and when it is ready (`share` = 1)."""

    part: str
    number: int
    parts: int
    share: float
    score: float


def train(job: Job, report: Callable[[Step], None]) -> dict[str, float]:
    """Fit and save every part under `job.out`; one that is saved already is not fitted again.

    Returns part → the dev metric that it was chosen by.
    """
    use_threads(1)
    plan = Plan.of(job.recipe.ensemble)
    corpus = read_corpus(job.recipe.corpus, job.corpus)
    if list(corpus.compounds.items()) != list(job.recipe.ensemble.compounds.items()):  # labels are columns in order
        raise ValueError(
            f"the corpus {corpus.name} labels the compounds {', '.join(corpus.compounds)}, but the recipe asks for "
            f"{', '.join(job.recipe.ensemble.compounds)}; make them the same, in this order, in [ensemble.compounds]"
        )
    cache = EncodingCache(job.encodings, plan)
    sides: tuple[Split, ...] = ("train", "dev")
    known = {side: [(clip, cache.load(clip)) for clip in corpus.split(side)] for side in sides}
    scores: dict[str, float] = {}
    parts = len(plan.members) + 1
    for number, member in enumerate(plan.members):
        head, folder = plan.heads[member.name], job.out / member.name

        def tell(progress: Progress, part: str = member.name, number: int = number) -> None:
            report(Step(part, number, parts, (progress.epoch + 1) / progress.epochs, progress.best))

        if not folder.exists():
            scores[member.name] = fit_member(job.recipe, plan, member, known, tell)
            head.save(folder)
        head.restore(type(head).load(folder).state())
        report(Step(member.name, number, parts, 1.0, scores.get(member.name, float("nan"))))
    scores[FUSION] = fit_fusion(job.recipe, plan, known["dev"])
    plan.fusion.save(job.out / FUSION)
    share = choose_spoken_share(plan, known["dev"])
    mapping = type(plan.mapping)(plan.mapping.config.model_copy(update={"spoken_share": share}))
    mapping.save(job.out / MAPPING)
    report(Step(FUSION, parts - 1, parts, 1.0, scores[FUSION]))
    return scores


def fit_member(
    recipe: Recipe,
    plan: Plan,
    member: Member,
    known: Mapping[Split, Known],
    report: Callable[[Progress], None] | None = None,
) -> float:
    """Fit one head; returns its dev metric."""
    head, settings = plan.heads[member.name], recipe.fitting(member.name)
    data = Data(*(member_rows(plan, member, known[side]) for side in ("train", "dev")))
    torch.manual_seed(recipe.seed)
    head.reset()
    head.standardise_by(data.train["steps"], data.train["mask"])
    objective = HeadObjective(head, data.train, smoothing=settings.smoothing, jitter=settings.jitter)
    return fit(head, objective, data, settings, seed=recipe.seed, report=report)


def member_rows(plan: Plan, member: Member, known: Known) -> dict[str, torch.Tensor]:
    """Return the present segments of a member with their targets, all clips in one batch."""
    by_track = plan.modalities[member.modality].about == "track"
    encodings: list[Encoding] = []
    targets: dict[str, list[Scores]] = {task: [] for task in plan.heads[member.name].speaks}
    for clip, impression in known:
        encoding = impression.encodings[member.modality, member.grid]
        person = _labelled_track(impression) if by_track else None
        rows = [row for row, s in enumerate(encoding.segments) if s.track == person and encoding.present[row]]
        encodings.append(encoding.take(rows))
        found = clip.targets(encodings[-1].segments, impression.row_times)
        for task, labels in plan.heads[member.name].speaks.items():
            columns = plan.tasks[task].labels.positions(labels.names)
            nothing = np.full((len(rows), len(columns)), np.nan, np.float32)
            targets[task].append(found[task][:, columns] if task in found else nothing)
    joined = Encoding.join(encodings)
    if not len(joined.segments):
        raise ValueError(f"{member.name} is present in no clip of this split, so it cannot be fitted; check its cues")
    columns_by_task = {task: np.concatenate(parts) for task, parts in targets.items()}
    arrays = {"steps": joined.steps, "mask": joined.mask, "times": joined.times, **columns_by_task}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _labelled_track(impression: Impression) -> int | None:
    """Whom the labels are about: the track that is seen most."""
    tracks, counts = np.unique(impression.sightings.tracks, return_counts=True)
    return int(tracks[counts.argmax()]) if len(tracks) else None


def fit_fusion(recipe: Recipe, plan: Plan, known: Known) -> float:
    """Fit the fusion on the members' opinions of dev; returns its metric there."""
    settings = recipe.fitting(FUSION)
    kinds = {name: task.kind for name, task in plan.tasks.items()}
    rows = fusion_rows(plan, known)
    objective = FusionObjective(kinds, dropout=settings.member_dropout, pull=settings.pull)
    if any(True for _ in plan.fusion.parameters()):
        fit(plan.fusion, objective, Data(rows, None), settings, seed=recipe.seed)
    return objective.score(plan.fusion, rows)


def fusion_rows(plan: Plan, known: Known) -> dict[str, torch.Tensor]:
    """Return what the members say about the timeline's segments of the labelled person, with targets."""
    recognizer = Recognizer(plan)
    opinions: list[Opinions] = []
    targets: dict[str, list[Scores]] = {task: [] for task in plan.tasks}
    kept: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
    offset = 0
    for clip, impression in known:
        (piece,) = recognizer.combine([impression])
        opinions.append(piece.verdict.opinions)
        rows = _about(opinions[-1].segments, _labelled_track(impression))
        kept.append(offset + rows)
        offset += len(opinions[-1].segments)
        found = clip.targets([opinions[-1].segments[row] for row in rows], impression.row_times)
        for task, columns in targets.items():
            nothing = np.full((len(rows), len(plan.tasks[task].labels)), np.nan, np.float32)
            columns.append(found.get(task, nothing))
    whole, index = Opinions.join(opinions), np.concatenate(kept)
    data: Batch = {task: torch.from_numpy(np.concatenate(parts)) for task, parts in targets.items()}
    scores = {f"{task}.scores": torch.from_numpy(v[:, index].transpose(1, 0, 2)) for task, v in whole.scores.items()}
    said = {f"{task}.said": torch.from_numpy(v[:, index].transpose(1, 0, 2)) for task, v in whole.said.items()}
    return {**data, **scores, **said}


def _about(segments: tuple[Segment, ...], person: int | None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of each cell the segment about a person, or the one about nobody where the person was not seen."""
    best: dict[tuple[int, int], int] = {}
    for row, segment in enumerate(segments):
        if segment.track is None or segment.track == person:
            cell = (segment.start, segment.end)
            if cell not in best or segment.track is not None:
                best[cell] = row
    return np.array(sorted(best.values()), np.int64)


def choose_spoken_share(plan: Plan, known: Known) -> float:
    """Choose λ by the macro-F1 of compounds on dev; of equals, the one nearest to one half.

    Where no member speaks compound, or nothing is labelled with it, λ stays as it is.
    """
    recognizer, chosen = Recognizer(plan), plan.mapping.config.spoken_share
    labelled = [(clip, impression) for clip, impression in known if "compound" in clip.labels]
    if not plan.mapping.config.spoken or not labelled:
        return chosen
    opinions = [next(recognizer.combine([impression])).verdict.opinions for _, impression in labelled]
    rows = [_about(o.segments, _labelled_track(i)) for o, (_, i) in zip(opinions, labelled, strict=True)]
    truth = np.concatenate(
        [
            clip.targets([heard.segments[row] for row in about], impression.row_times)["compound"]
            for heard, about, (clip, impression) in zip(opinions, rows, labelled, strict=True)
        ]
    )
    sure = np.nan_to_num(truth).max(axis=1) > SURE
    fused = [plan.fusion.fuse(heard) for heard in opinions]
    results: dict[float, float] = {}
    for share in SHARES:
        scores = np.concatenate(
            [
                plan.mapping.compound(heard, scored, share)[0][about]
                for heard, scored, about in zip(opinions, fused, rows, strict=True)
            ]
        )
        results[share] = metrics.macro_f1(truth[sure].argmax(1), scores[sure].argmax(1), len(plan.mapping.pairs))
    return max(SHARES, key=lambda share: (round(results[share], 3), -abs(share - 0.5)))
