"""Extraction with more workers: how much faster it becomes, and whether the result is the same.

    python -m benchmarks.scaling [--data FOLDER] [--clips 8] [--repetitions 3]

A worker is the product's own Watcher, a Ray actor that reads clips, runs their cues and encodes what they found, here
pinned to one core: the first to the first core, the second to the second, and so on in turns. All are started, and have
done a clip, before anything is timed; then 1, 2 and 4 of them fill an empty cache in turns, by the loop that extraction
uses. `efficiency_N` is their throughput divided by N times that of one. More workers than cores share them, so that
`efficiency_4` on two cores cannot reach a half: it is shown, and like `efficiency_2`, which depends on what else runs
and on whether two "cores" are one, it is not judged.

Judged is `identical`: whatever their number, workers leave the same encodings behind, array by array.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import ray

from benchmarks.report import conditions, publish
from benchmarks.training import some_clips
from ensemble.plan import EnsembleSettings, Plan
from tuning.cluster import running, share_out
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache
from tuning.extract import Watcher
from tuning.recipe import read_recipe

COUNTS = (1, 2, 4)
PACKAGES = ("ray", "torch", "mediapipe", "onnxruntime", "av", "numpy")


class Pinned(Watcher):
    """A watcher on one core."""

    def __init__(self, settings: EnsembleSettings, folder: Path, core: int) -> None:
        os.sched_setaffinity(0, {core})  # threads that libraries start later stay there too
        super().__init__(settings, folder)

    def turn_to(self, folder: Path) -> None:
        """Fill another cache."""
        self._cache = EncodingCache(folder, self._plan)

    def cores(self) -> int:
        """Return how many cores it may use."""
        return len(os.sched_getaffinity(0))


def timed(workers: Sequence[object], clips: Sequence[LabelledClip], cache: Path) -> float:
    """Fill an empty cache; returns the seconds that it took."""
    shutil.rmtree(cache, ignore_errors=True)
    ray.get([worker.turn_to.remote(cache) for worker in workers])  # type: ignore[attr-defined]  # Ray makes it
    began = perf_counter()
    share_out(workers, "encode", clips, done=lambda _: None, keep=True)
    return perf_counter() - began


def content(cache: Path) -> str:
    """Hash every array of every piece, by the names of pieces and arrays."""
    digest = hashlib.sha256()
    for piece in sorted(cache.glob("*/*.npz")):
        digest.update(str(piece.relative_to(cache)).encode())
        with np.load(piece, allow_pickle=False) as arrays:
            for name in sorted(arrays.files):
                array = arrays[name]
                digest.update(f"{name}{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def measure(clips: Sequence[LabelledClip], folder: Path, repetitions: int) -> tuple[dict[int, float], set[str]]:
    """Return seconds (median) by the number of workers, and the hashes of all that they left behind."""
    settings, cores = read_recipe("demo").ensemble, sorted(os.sched_getaffinity(0))
    seconds: dict[int, list[float]] = {count: [] for count in COUNTS}
    left: set[str] = set()
    with running(cpus=max(COUNTS)):
        actor = ray.remote(num_cpus=1)(Pinned)
        workers = [
            actor.remote(settings, folder / f"warm-{number}", cores[number % len(cores)])
            for number in range(max(COUNTS))
        ]
        ray.get([worker.encode.remote(clips[0]) for worker in workers])  # networks are open before anything is timed
        if set(ray.get([worker.cores.remote() for worker in workers])) != {1}:
            raise RuntimeError("a worker was not pinned to one core; nothing would be measured")
        for _ in range(repetitions):
            for count in COUNTS:
                seconds[count].append(timed(workers[:count], clips, folder / "cache"))
                left.add(content(folder / "cache"))
        for worker in workers:
            ray.kill(worker)
    return {count: median(taken) for count, taken in seconds.items()}, left


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of clips; if not given, some are made")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="twofold-scaling-") as scratch:
        folder = Path(scratch)
        clips = some_clips(asked.data, asked.clips, folder / "clips")
        pieces = len(clips) * len(EncodingCache(folder, Plan.of(read_recipe("demo").ensemble)).pieces)
        seconds, left = measure(clips, folder, asked.repetitions)
    rows = [
        {
            "workers": count,
            "seconds": taken,
            "clips per minute": 60 * len(clips) / taken,
            "speed-up": seconds[1] / taken,
            "efficiency": seconds[1] / taken / count,
        }
        for count, taken in seconds.items()
    ]
    figures = {"clips_per_minute": 60 * len(clips) / seconds[1], "cores": float(len(os.sched_getaffinity(0)))}
    figures |= {f"efficiency_{count}": seconds[1] / seconds[count] / count for count in COUNTS[1:]}
    figures["identical"] = float(len(left) == 1)
    note = f"{conditions(PACKAGES, 1, asked.repetitions)}; {len(clips)} clips, {pieces} pieces; the demo's ensemble"
    publish("Extraction by pinned workers", rows, figures, note)
    return 0 if len(left) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
