"""Scene captions: members over texts of Qwen2.5-VL against TF-IDF and logistic regression, on AFEW.

    python -m benchmarks.captions --data ../shared/data/captions [--write FILE] [--encoders terms ngrams]

Six members, one for each model (3B, 7B, 32B) and prompt; macro-F1 over the seven classes of AFEW, learnt on train,
reported on dev, with intervals over clips. The baseline learns each set by itself. Ours learn one head on the captions
of all six, so that every segment of train is told in six ways; each member reads its own captions by it. This and what
`terms` counts were chosen inside train. The encoder is chosen in every run by cross-validation inside train, five folds
by clip; what the heads of the folds say about clips that they never saw fits the fusion and PFSA's prototypes. Three
seeds: figures are their means; the first one's head is what is fused and written.

`--write` also judges the segments of C-EXPR-DB, which have no labels. Goals: the members' mean is one point above the
baseline's, which must be at most 1.5 points below its published figure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from benchmarks.captions.members import ENCODERS, SEEDS, Fused, Learnt, baseline, best_encoder, f1, judge
from benchmarks.captions.side import MEMBERS, Side
from benchmarks.captions.write import write
from benchmarks.report import conditions, publish
from modalities.heads.head import Head
from modalities.native import use_threads
from modalities.types import Array, Scores
from tuning.metrics import bootstrap

PUBLISHED, SHORTFALL, GAIN = 35.8, 1.5, 1.0
DRAWS = 1000


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", type=Path, help="CSV of what is said about C-EXPR-DB")
    parser.add_argument("--encoders", nargs="+", choices=ENCODERS, default=["terms", "ngrams"])
    asked = parser.parse_args()
    use_threads(1)
    began = perf_counter()
    encoder, learnt, inside = best_encoder(asked.data / "AFEW", asked.encoders)
    print(f"{encoder} is best inside train, {perf_counter() - began:.0f} s", file=sys.stderr)
    heads, fused = learnt.heads(), Fused(learnt)
    rows, figures = compare(asked.data / "AFEW", learnt, heads, fused)
    figures |= {f"inside_train_{name}": score for name, score in inside.items()}
    if asked.write:
        figures["segments_written"] = float(write(asked.write, asked.data / "C-EXPR-DB", learnt, heads[0], fused))
    figures |= {"seconds": perf_counter() - began, "seeds": float(len(SEEDS))}
    where = conditions(("torch", "scikit-learn"), torch.get_num_threads(), 1)
    note = f"encoder: {encoder}; ours: mean of {len(SEEDS)} seeds; {where}"
    publish("Captions: macro-F1 in per cent on AFEW's dev", rows, figures, note)
    theirs = figures["macro_f1_members_baseline"]
    return int(theirs < PUBLISHED - SHORTFALL or figures["macro_f1_members"] < theirs + GAIN)


def compare(
    corpus: Path, learnt: Learnt, heads: list[Head], fused: Fused
) -> tuple[list[dict[str, float | str]], dict[str, float]]:
    """Judge dev; returns the table and the figures."""
    sides = {member: Side.read(learnt.plan, corpus, member, "dev") for member in MEMBERS}
    first = sides[MEMBERS[0]]
    truth, clips = first.truth, first.clips
    theirs = np.stack([baseline(learnt.sides[member], side) for member, side in sides.items()])  # [M, S, C]
    ours = np.stack([[judge(learnt.plan, head, side.encoding)[0] for side in sides.values()] for head in heads])
    weighed = [fused.fuse(of_seed, np.ones(of_seed.shape[:2], np.bool_)) for of_seed in ours]
    rows = [row(name, truth, clips, ours[:, n], theirs[n]) for n, name in enumerate(MEMBERS)]
    rows.append(row("plain mean", truth, clips, ours.mean(axis=1), theirs.mean(axis=0)))
    rows.append(row("fused", truth, clips, np.stack(weighed), theirs.mean(axis=0)))
    by_seed = [np.mean([f1(truth, scores) for scores in of_seed]) for of_seed in ours]
    interval = bootstrap(clips, gain, truth, ours[0].transpose(1, 0, 2), theirs.transpose(1, 0, 2), draws=DRAWS)
    return rows, {
        "macro_f1_members": float(np.mean(by_seed)),
        "macro_f1_members_spread": float(np.std(by_seed)),
        "macro_f1_members_baseline": float(np.mean([f1(truth, scores) for scores in theirs])),
        "macro_f1_mean": float(rows[-2]["ours"]),
        "macro_f1_mean_baseline": float(rows[-2]["baseline"]),
        "macro_f1_fused": float(rows[-1]["ours"]),
        "gain_low": interval[0],
        "gain_high": interval[1],
    }


def gain(truth: Array, ours: Scores, theirs: Scores) -> float:
    """How many points the members' mean [S, M, C] is above the baseline's."""
    of_members = [f1(truth, ours[:, n]) - f1(truth, theirs[:, n]) for n in range(len(MEMBERS))]
    return float(np.mean(of_members))


def row(name: str, truth: Array, clips: Array, ours: Scores, theirs: Scores) -> dict[str, float | str]:
    """Return a line of the table; ours by seed [N, S, C], theirs [S, C]."""
    scores = [f1(truth, of_seed) for of_seed in ours]
    low, high = bootstrap(clips, f1, truth, ours[0], draws=DRAWS)
    return {
        "member": name,
        "ours": float(np.mean(scores)),
        "spread": float(np.std(scores)),
        "95 %, first seed": f"{low:.1f} to {high:.1f}",
        "baseline": f1(truth, theirs),
    }


if __name__ == "__main__":
    sys.exit(main())
