"""Material that is learnt: six members over scene captions of AFEW, as `benchmarks.captions` trains them.

The fusion is chosen on what heads of the folds say about clips of train that they never saw; dev is reported, as the
heads of three seeds judge it. A head's logits are its features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.captions.members import Learnt, baseline, f1, judge
from benchmarks.captions.side import CLASSES, MEMBERS, Side
from benchmarks.fusion.material import Material, Part, Turn

ENCODER = "terms"
"""The best inside train (`benchmarks.captions`)."""


def captions(corpus: Path) -> tuple[Material, float]:
    """Learn; returns the material, and the macro-F1 of the mean of six plain members, to compare with others' runs."""
    learnt = Learnt.of(corpus, ENCODER)
    first = learnt.sides[MEMBERS[0]]
    unseen = Part.of(learnt.unseen, CLASSES, first.truth, first.clips, learnt.features)
    sides = {member: Side.read(learnt.plan, corpus, member, "dev") for member in MEMBERS}
    reported = sides[MEMBERS[0]]
    parts: list[Part] = []
    for head in learnt.heads():
        said = {member: judge(learnt.plan, head, side.encoding) for member, side in sides.items()}
        scores = {member: output[0] for member, output in said.items()}
        features = {member: output[1] for member, output in said.items()}
        parts.append(Part.of(scores, CLASSES, reported.truth, reported.clips, features))
    plain = np.mean([baseline(learnt.sides[member], side) for member, side in sides.items()], axis=0)
    title = f"Six members over scene captions, {len(reported.truth)} segments of AFEW's dev"
    return Material("captions", title, (Turn(unseen, tuple(parts)),)), f1(reported.truth, plain)
