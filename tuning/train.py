"""Fits every member of a recipe on cached encodings, then the fusion and λ on what the members say about dev.

`train` is the plain function; `tuning/launch.py` runs it in this process or in the workers of Ray Train. The test
split is not read here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ensemble.plan import Plan
from modalities.native import use_threads
from modalities.part import SETTINGS_FILE, Part
from modalities.types import Array
from modalities.whole import whole
from tuning.catalog import read_corpus
from tuning.corpora.corpus import Corpus, Split
from tuning.encodings import EncodingCache
from tuning.fit import Progress
from tuning.fit.world import World
from tuning.fusing import fit_fusion, fit_mapping, listen
from tuning.members import Fitting, Known, Sides, States
from tuning.recipe import Recipe, RecipeError
from tuning.storage import fetch, holds, send

FUSION, MAPPING = "fusion", "mapping"
SCORES_FILE = "scores.json"


@dataclass(frozen=True, slots=True)
class Job:
    """What a training run needs, small enough to be sent anywhere; clips and encodings are read where it runs."""

    recipe: Recipe
    corpora: Mapping[str, Path]  # name → its folder
    encodings: Path
    out: Path
    save_every: float = 10.0  # seconds

    def read(self) -> list[Corpus]:
        """Read the corpora, brought to the labels of the ensemble."""
        corpora = [
            read_corpus(name, fetch(root)).speaking(self.recipe.ensemble.expressions)
            for name, root in self.corpora.items()
        ]
        wanted = list(self.recipe.ensemble.compounds.items())
        for corpus in corpora:
            labelled = any("compound" in clip.labels for clip in corpus.clips)
            if labelled and list(corpus.compounds.items()) != wanted:  # labels are columns in order
                raise RecipeError(
                    f"the corpus {corpus.name} labels the compounds {', '.join(corpus.compounds)}, but the recipe asks "
                    f"for {', '.join(self.recipe.ensemble.compounds)}; make them the same, in this order, in "
                    "[ensemble.compounds]"
                )
        return corpora


@dataclass(frozen=True, slots=True)
class Step:
    """Told after every epoch of a part, and when it is ready (`share` = 1, no epoch)."""

    part: str
    number: int
    parts: int
    share: float
    """How much of the part is done."""
    score: float | None
    """The dev metric: of this epoch (None where nothing is judged in between), or of the part that is ready."""
    epoch: int | None = None
    loss: float | None = None


def train(job: Job, report: Callable[[Step], None]) -> dict[str, float]:
    """Fit and save every part under `job.out`; one that is saved already is not fitted again.

    Returns part → the dev metric that it was chosen by, also of those saved already. Of several workers, all fit the
    members together, and one writes.
    """
    use_threads(1)
    plan = Plan.of(job.recipe.ensemble)
    sides = sides_of(job.read())
    cache, world = EncodingCache(job.encodings, plan), World.here()
    first = world.rank == 0
    scores = world.told(lambda: read_scores(fetch(job.out)))
    parts = len(plan.members) + 1
    for number, member in enumerate(plan.members):
        head, folder = plan.heads[member.name], job.out / member.name

        def tell(progress: Progress, part: str = member.name, number: int = number) -> None:
            report(Step(part, number, parts, _share(progress), progress.score, progress.epoch, progress.loss))

        saved = world.told(partial(_saved, type(head), folder))
        if saved is None:
            states = States(job.out / f".{member.name}.state", job.save_every, writes=first)
            fitting = Fitting(plan, member, job.recipe.fitting(member.name), job.recipe.seed, cache)
            scores[member.name] = fitting.run(sides, states, tell)
            if first:
                _write_scores(job.out, scores)  # before the part, so that one that is saved has its score
                _save(head, folder)
                states.drop()
        else:
            head.restore(saved)
        report(Step(member.name, number, parts, 1.0, scores.get(member.name)))
    if first:

        def tell_of_fusion(progress: Progress) -> None:
            report(Step(FUSION, parts - 1, parts, _share(progress), None, progress.epoch, progress.loss))

        heard = listen(plan, sides["dev"], cache)
        scores[FUSION] = fit_fusion(plan, heard, job.recipe.fitting(FUSION), job.recipe.seed, tell_of_fusion)
        _write_scores(job.out, scores)
        _save(plan.fusion, job.out / FUSION)
        _save(fit_mapping(plan, heard), job.out / MAPPING)
        report(Step(FUSION, parts - 1, parts, 1.0, scores[FUSION]))
    return scores


def read_scores(out: Path) -> dict[str, float]:
    """Return the dev metric of every part that was fitted in a folder so far."""
    path = out / SCORES_FILE
    scores: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return scores


def _write_scores(out: Path, scores: Mapping[str, float]) -> None:
    with whole(out / SCORES_FILE) as unfinished:
        unfinished.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    send(out / SCORES_FILE)


def _saved(kind: type[Part], folder: Path) -> dict[str, Array] | None:
    """Return the weights of a part that was fitted, if it was."""
    return kind.load(fetch(folder)).state() if holds(folder / SETTINGS_FILE) else None


def _save(part: Part, folder: Path) -> None:
    part.save(folder)
    send(folder)


def _share(progress: Progress) -> float:
    return min((progress.epoch + 1) / progress.epochs, 0.999)


def dev_is_given(corpora: list[Corpus]) -> bool:
    """Whether any corpus has a dev split of its own."""
    return any(corpus.split("dev") for corpus in corpora)


def sides_of(corpora: list[Corpus]) -> Sides:
    """Return the clips to learn from and those that decide; test is never used for either.

    Where no corpus has a dev split, every eighth subject of train decides instead of being learnt from.
    """
    sides: dict[Split, list[Known]] = {
        side: [Known(clip, number) for number, corpus in enumerate(corpora) for clip in corpus.split(side)]
        for side in ("train", "dev")
    }
    if not sides["dev"]:
        decide = set(sorted({known.clip.subject for known in sides["train"]})[::8])
        sides["dev"] = [known for known in sides["train"] if known.clip.subject in decide]
        sides["train"] = [known for known in sides["train"] if known.clip.subject not in decide]
    for side, known in sides.items():
        if not known:
            raise RecipeError(f"there are no clips in the {side} split of these corpora, so nothing can be fitted")
    return sides
