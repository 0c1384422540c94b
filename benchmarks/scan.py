"""The selective scan against the plain loop beside it, and against the processor path of transformers' Mamba.

    python -m benchmarks.scan [--repetitions 5]

All get the same tensors, each in the layout that it wants, on one thread: input, step sizes, A, B and C of 256 channels
with 16 numbers of state each, no skip and no gate; `train` adds the gradient of all five. Answers and gradients must
agree to 1e-5 of their largest value. Goal: never slower than transformers. Their gradient fills a whole tensor of
[B, D, T, N] for every step, so it takes minutes where batch and clip are long: such cases are timed once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import softplus
from transformers.models.mamba.modeling_mamba import mamba_selective_scan

from benchmarks.report import compare, conditions, publish
from modalities.heads.scan import System, scan_slowly, selective_scan

LENGTHS, BATCHES, CHANNELS, STATES = (20, 100, 400), (1, 32), 256, 16
PATIENCE = 50
"""Steps times batch, in units of 32, from which a case with gradient is timed once."""
MAX_DIFFERENCE, MIN_SPEEDUP = 1e-5, 1.0

Scan = Callable[..., Tensor]


@dataclass
class Side:
    """One of the contestants at work: called, it scans, and keeps its answer and gradients."""

    scan: Scan
    given: tuple[Tensor, ...]
    weights: Tensor
    train: bool
    found: list[Tensor] = field(default_factory=list)

    def __call__(self) -> None:
        """Scan once, and go back where gradients are asked for."""
        leaves = [values.detach().requires_grad_(self.train) for values in self.given]
        with torch.set_grad_enabled(self.train):
            told = self.scan(*leaves)
        if self.train:
            told.backward(self.weights)  # type: ignore[no-untyped-call]  # torch publishes it without types
        self.found = [told.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def ours(*given: Tensor) -> Tensor:
    """Scan as the product does."""
    return selective_scan(System(*given))


def oracle(*given: Tensor) -> Tensor:
    """Scan by the plain loop."""
    return scan_slowly(System(*given))[0]


def peer(*given: Tensor) -> Tensor:
    """Scan as transformers does where there is no kernel."""
    told: Tensor = mamba_selective_scan(*given)
    return told


def across(values: Tensor) -> Tensor:
    """Turn [B, T, X] into transformers' layout [B, X, T]; A has two axes and stays."""
    return values if values.dim() == 2 else values.mT.contiguous()


def draw(batch: int, steps: int) -> System:
    """Draw a system; A is 1 … N, as Mamba begins."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(batch, steps, CHANNELS)] * 2 + [(batch, steps, STATES)] * 2
    u, delta, taken, told = (torch.randn(*shape, generator=generator) for shape in shapes)
    return System(u, softplus(delta), -torch.arange(1.0, STATES + 1).repeat(CHANNELS, 1), taken, told)


def difference(side: Side, other: Side) -> float:
    """Return by how much answers and gradients differ, at most, in shares of the largest value."""
    pairs = zip(side.found, other.found, strict=True)
    fitting = [(mine, theirs if mine.shape == theirs.shape else theirs.mT) for mine, theirs in pairs]
    return max(float((mine - theirs).abs().max() / mine.abs().max()) for mine, theirs in fitting)


def measure(batch: int, steps: int, train: bool, repetitions: int) -> dict[str, float | str]:  # noqa: FBT001  a row's key
    """Return a row of the table."""
    system = draw(batch, steps)
    weights = torch.randn(batch, steps, CHANNELS, generator=torch.Generator().manual_seed(1))
    mine, loop = Side(ours, system, weights, train), Side(oracle, system, weights, train)
    theirs = Side(peer, tuple(across(values) for values in system), across(weights), train)
    times = 1 if train and batch * steps > 32 * PATIENCE else repetitions
    with_loop, with_peer = compare(mine, loop, times), compare(mine, theirs, times)
    return {
        "batch": str(batch),
        "steps": str(steps),
        "work": "train" if train else "answer",
        "repetitions": str(times),
        "ours ms": 1000 * with_peer.ours,
        "loop ms": 1000 * with_loop.other,
        "transformers ms": 1000 * with_peer.other,
        "× loop": 1 / with_loop.ratio,
        "× transformers": 1 / with_peer.ratio,
        "difference": max(difference(mine, loop), difference(mine, theirs)),
    }


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for batch, steps, train in product(BATCHES, LENGTHS, (False, True)):
        print(f"batch {batch}, {steps} steps{', with gradient' if train else ''}", file=sys.stderr)
        rows.append(measure(batch, steps, train, asked.repetitions))
    figures = {
        "speedup_peer_min": min(float(row["× transformers"]) for row in rows),
        "speedup_oracle_min": min(float(row["× loop"]) for row in rows),
        "difference_max": max(float(row["difference"]) for row in rows),
        **{f"ours_ms_{row['work']}_{row['batch']}x{row['steps']}": float(row["ours ms"]) for row in rows},
        "repetitions": float(asked.repetitions),
    }
    note = conditions(("torch", "transformers"), torch.get_num_threads(), asked.repetitions)
    publish("Selective scan: how many times faster than the others", rows, figures, note)
    return int(figures["speedup_peer_min"] < MIN_SPEEDUP or figures["difference_max"] > MAX_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())
