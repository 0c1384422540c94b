"""What is written: expressions and compounds of the segments of C-EXPR-DB, by every member, their mean and fusion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.captions.members import Fused, Learnt, Near, judge
from benchmarks.captions.side import CLASSES, MEMBERS, PAIRS, Place, Side
from ensemble.mapping import PairSum
from ensemble.opinions import Opinions
from ensemble.prototypes import similarities
from modalities.heads.head import Head
from modalities.labels import ABAW_PAIRS, EXPRESSION
from modalities.types import Mask, Scores

DIGITS = "%.6f"
COMPOUNDS = [name.replace(" ", "_") for name in ABAW_PAIRS]


@dataclass(frozen=True, slots=True)
class Said:
    """What one of them says of segments; nothing where it is absent."""

    member: str
    scores: Scores  # [S, C]
    near: Scores  # [S, K], PFSA
    there: Mask  # [S]


def write(path: Path, corpus: Path, learnt: Learnt, head: Head, fused: Fused) -> int:
    """Judge C-EXPR-DB and write; returns how many segments there are."""
    sides = [Side.read(learnt.plan, corpus, member, "test") for member in MEMBERS]
    places = sorted({place for side in sides for place in side.places})
    members = [_member(m, side, places, learnt, head) for m, side in zip(MEMBERS, sides, strict=True)]
    scores, there = np.stack([one.scores for one in members]), np.stack([one.there for one in members])
    share = there[..., None] / there.sum(axis=0)[None, :, None].clip(1)
    near, anybody = (np.stack([one.near for one in members]) * share).sum(axis=0), np.asarray(there.any(axis=0))
    everybody = [
        *members,
        Said("mean", (scores * share).sum(axis=0).astype(np.float32), near, anybody),
        Said("fused", fused.fuse(scores, there), near, anybody),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([row for one in everybody for row in _rows(one, places)]).to_csv(
        path, index=False, float_format=DIGITS
    )
    return len(places)


def _member(member: str, side: Side, places: Sequence[Place], learnt: Learnt, head: Head) -> Said:
    """Bring a member's segments to the places of all."""
    at = [places.index(place) for place in side.places]
    scores, near = np.zeros((len(places), len(CLASSES)), np.float32), np.zeros((len(places), len(PAIRS)), np.float32)
    there = np.zeros(len(places), np.bool_)
    scores[at], features = judge(learnt.plan, head, side.encoding)
    known = Near.of(learnt, member)
    near[at], there[at] = similarities(features, known.prototypes, PAIRS, known.temperature), side.encoding.present
    return Said(member, scores, near, there)


def _rows(one: Said, places: Sequence[Place]) -> Iterator[dict[str, object]]:
    """Return a row per segment that was judged."""
    mapping = PairSum(PairSum.Config.model_validate({"pairs": dict(ABAW_PAIRS), "expressions": CLASSES}))
    nobody = Opinions((), (), np.zeros((0, 0), np.bool_), {}, {})
    ppa, _ = mapping.map(nobody, {"expression": (one.scores, np.ones_like(one.scores, np.bool_))})
    for row in np.flatnonzero(one.there).tolist():
        clip, number = places[row]
        basic = dict.fromkeys(EXPRESSION.labels, 0.0) | dict(zip(CLASSES, one.scores[row].tolist(), strict=True))
        sums = dict(zip((f"ppa_{name}" for name in COMPOUNDS), ppa[row].tolist(), strict=True))
        near = dict(zip((f"pfsa_{name}" for name in COMPOUNDS), one.near[row].tolist(), strict=True))
        yield {"video_name": f"{clip}___{number:04d}.mp4", "member": one.member, **basic, **sums, **near}
