"""Material that is there ready: three systems on clips of AFEW, and people who heard or saw clips of CREMA-D.

The clips of AFEW are of its validation part, which the captions' model did not learn from; faces are really absent in
some. The caption is that of the largest model. The labels are those that came with face and voice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.fusion.material import Material, Part, in_turns

AFEW = {"face": "face", "voice": "audio", "caption": "caption_32B"}
CREMA = ("voice", "face")
ACTOR = 4
"""Letters of a clip's name that say who acts."""


def afew(folder: Path) -> Material:
    """Face, voice and caption; five turns, for there are few clips."""
    table = np.load(folder / "afew" / "afew_join_339.npz")
    scores = {member: np.where(np.isfinite(table[key]), table[key], 0) for member, key in AFEW.items()}
    part = Part.of(scores, table["classes"].tolist(), table["label_lisa"], table["id"])
    return Material("afew", f"Face, voice and caption on {len(part.truth)} clips of AFEW", in_turns(part, 5))


def crema(folder: Path) -> Material:
    """Shares of the votes of people who heard only, and who saw only; two turns, by actor."""
    table = np.load(folder / "crema_d" / "crema_d_votes.npz")
    shares = {member: table[member] / np.maximum(table[member].sum(axis=1, keepdims=True), 1) for member in CREMA}
    actors = np.array([name[:ACTOR] for name in table["clip"].tolist()])
    part = Part.of(shares, table["emotions"].tolist(), table["intended"], actors)
    return Material(
        "crema", f"People's votes by voice and by face on {len(part.truth)} clips of CREMA-D", in_turns(part, 2)
    )
