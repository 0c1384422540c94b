"""Every kind of fusion beside the plain mean and the best member, on what real systems and people say of real clips.

    python -m benchmarks.fusion --data ../shared/data

Three materials: six members over scene captions, learnt on AFEW's train and reported on its dev; face, voice and
caption on clips of AFEW, as three published systems judge them, with faces that are really absent; and the votes of
people who only heard or only saw the clips of CREMA-D.

Chosen by cross-validation, on the part that is not reported: the settings of each kind that is fitted by gradient, the
kind itself (the mean stays unless another is better by more than the standard error of the difference), and the best
member. Captions are chosen on what members say about clips of train that they never saw. Ready material is cut into
turns, by clip or by actor, so that every clip is reported once, by weights that did not see it. `fused` is what is so
chosen, by the first seed and shorter searches; every kind's own figure stands beside it. Three seeds, of which figures
are means; intervals are of draws of whole clips (CREMA-D: actors). Macro-F1 is in per cent over the corpus's own
classes; a segment of which nobody says anything counts as wrong.

Goals: `fused` is nowhere more than half a point below the mean, and on CREMA-D, where the mean is worse than the face
alone, above both. Members and means are at most 1.5 points below their published figures.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

import torch

from benchmarks.fusion.captions import captions
from benchmarks.fusion.choice import MEAN
from benchmarks.fusion.material import SEEDS, Material
from benchmarks.fusion.outcome import FUSED, Outcome
from benchmarks.fusion.ready import afew, crema
from benchmarks.report import conditions, publish, tabulate
from modalities.native import use_threads

LOSS, SHORTFALL = 0.5, 1.5
GATED, UNGATED = "gated", "mhpf"
PLAIN = 42.3
"""Macro-F1 of the mean of six plain caption members, in earlier runs."""
PUBLISHED = {("afew", "face"): 40.4, ("afew", "caption"): 43.4, ("crema", "face"): 69.0, ("crema", MEAN): 65.7}
"""Accuracies."""


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    use_threads(1)
    began, outcomes, figures = perf_counter(), list[Outcome](), dict[str, float]()
    learnt, figures["captions_mean_plain"] = captions(data / "captions" / "AFEW")
    materials = (learnt, afew(data / "fusion"), crema(data / "fusion"))
    for material in materials:
        outcomes.append(outcome := _judged(material, began))
        figures |= _figures(outcome)
    figures |= {"seeds": float(len(SEEDS)), "seconds": perf_counter() - began}
    by_name = {outcome.material.name: outcome for outcome in outcomes}
    for outcome in outcomes[:-1]:
        tabulate(outcome.material.title, outcome.rows(), _note(outcome))
    where = f"Mean of {len(SEEDS)} seeds; {conditions(('torch', 'scikit-learn'), torch.get_num_threads(), 1)}"
    last = outcomes[-1]
    note = "\n".join([_note(last), _earned(outcomes), where])
    publish(last.material.title, last.rows(), figures, note)
    missed = [*_missed(by_name), *_references(by_name, figures["captions_mean_plain"])]
    for sentence in missed:
        print(sentence, file=sys.stderr)
    return int(bool(missed))


def _judged(material: Material, began: float) -> Outcome:
    outcome = Outcome.of(material)
    print(f"{material.title}: {perf_counter() - began:.0f} s", file=sys.stderr)
    return outcome


def _figures(outcome: Outcome) -> dict[str, float]:
    """Return name → number of one material."""
    name = outcome.material.name
    gained, low, high = outcome.gain(FUSED, MEAN)
    named = {who.replace(" ", "_"): outcome.f1(who) for who in outcome.told}
    gains = {"gain": gained, "gain_low": low, "gain_high": high}
    return {f"{name}_{who}": score for who, score in (named | gains).items()}


def _note(outcome: Outcome) -> str:
    """Say in plain words what was chosen, and whether it helps."""
    kinds = Counter(choice.kind for choice in outcome.choices)
    chosen = ", ".join(f"{kind} ({count} of {len(outcome.choices)} turns)" for kind, count in kinds.most_common())
    best = ", ".join(sorted({choice.member for choice in outcome.choices}))
    gained, low, high = outcome.gain(FUSED, MEAN)
    verdict = "It cannot be told from the plain mean, so weighting does not help here"
    if set(kinds) == {MEAN}:
        verdict = "Nothing was surely better, so the plain mean is kept: weighting does not help here"
    if low > 0 or high < 0:
        verdict = "Weighting helps" if low > 0 else "Weighting harms"
    features = "" if "feature" in outcome.kinds else " No member here has features, so feature fusion is left out."
    return f"fused: {chosen}; best member: {best}. {verdict} ({gained:+.1f}, 95 % {low:+.1f} to {high:+.1f}).{features}"


def _earned(outcomes: Sequence[Outcome]) -> str:
    """Say whether the gated fusion is better than MHPF, which is fitted alike, and than the best of the other kinds."""
    told, earned = list[str](), list[str]()
    for outcome in outcomes:
        best = max((kind for kind in outcome.kinds if kind != GATED), key=outcome.f1)
        gains = {rival: outcome.gain(GATED, rival) for rival in (UNGATED, best)}
        beside = [f"{gain:+.1f} ({low:+.1f} to {high:+.1f}) to {rival}" for rival, (gain, low, high) in gains.items()]
        told.append(f"{outcome.material.name}: {', '.join(beside)}")
        if gains[best][1] > 0:
            earned.append(outcome.material.name)
    verdict = f"earns its place on {' and '.join(earned)}" if earned else "does not earn its place on these data"
    return f"The gated fusion {verdict}: its difference to MHPF and to the best other is {'; '.join(told)}."


def _missed(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield a sentence for each goal that was missed."""
    for name, outcome in outcomes.items():
        if outcome.f1(FUSED) < outcome.f1(MEAN) - LOSS:
            yield f"{name}: fused is more than {LOSS} below the mean"
    crema = outcomes["crema"]
    for other in (MEAN, "face"):
        if crema.gain(FUSED, other)[1] <= 0:
            yield f"crema: fused is not clearly above {other}"


def _references(outcomes: Mapping[str, Outcome], plain: float) -> Iterator[str]:
    """Yield a sentence for each published figure that was not reached."""
    if plain < PLAIN - SHORTFALL:
        yield f"captions: the mean of plain members is {plain:.1f}, but was {PLAIN} in earlier runs"
    for (name, who), accuracy in PUBLISHED.items():
        if (found := outcomes[name].accuracy(who)) < accuracy - SHORTFALL:
            yield f"{name}: {who} is right in {found:.1f} %, but {accuracy} % are published"


if __name__ == "__main__":
    sys.exit(main())
