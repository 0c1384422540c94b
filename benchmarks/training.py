"""Training: how fast `fit` is, what the cache of encodings saves, and whether memory grows with the corpus.

    python -m benchmarks.training [--data FOLDER] [--clips 3] [--repetitions 9]

Throughput: `fit` of an attention head inside the worker of a Ray Train run, on rows on disk, told of to a file after
every epoch, against a plain PyTorch loop over the same rows in memory: same head, loss, optimiser, batches, dev rows
and metric; it adds up its loss and keeps its best weights too. Both take turns in the same process, with one thread.
How long Ray Train takes to begin is printed apart.

Cache: a first epoch of the demo's recipe perceives and encodes some clips, keeps their rows and fits its first face
head; a second one finds them encoded. Networks are open before either. `--data`: a folder of clips, as
`twofold demo` makes one; without it, clips are made.

Memory: peak of a process that fits on rows on disk, and of one that fits on ten times as many.

Goals: throughput_ratio ≥ 0.9, cache_speedup ≥ 20, memory_ratio ≤ 1.2.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.report import compare, conditions, peak_memory, publish
from ensemble.plan import Plan
from modalities.heads.attention import AttentionHead
from modalities.labels import EXPRESSION, tasks
from modalities.native import use_threads
from modalities.types import Encoding, Scores, Segment
from tuning.cluster import running
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.demo import make_clip, plan_demo
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.fit import Data, FitSettings, Keeper, Kept, Progress, fit
from tuning.members import Fitting, Known
from tuning.metrics import macro_f1
from tuning.objectives import HeadObjective, class_weights
from tuning.recipe import read_recipe

ROWS, DEV, STEPS, WIDTH, BATCH, EPOCHS = 4096, 512, 20, 256, 64, 2
"""Segments of 4 s at 5 steps a second, as wide as a face's embedding is."""
FEW, TIMES = 2048, 10
GOALS: Mapping[str, tuple[float, float]] = {  # name → lowest, highest
    "throughput_ratio": (0.9, float("inf")),
    "cache_speedup": (20.0, float("inf")),
    "memory_ratio": (0.0, 1.2),
}
PACKAGES = ("torch", "numpy", "ray")


# ---------------------------------------------------------------------------------------------------------- throughput


def keep_rows(folder: Path, count: int, seed: int) -> None:
    """Write rows whose steps show their class, a few of them at a time."""
    rng, classes = np.random.default_rng(seed), len(EXPRESSION.labels)
    with Keeper(folder, {"expression": classes}) as keeper:
        for first in range(0, count, BATCH):
            size = min(BATCH, count - first)
            labels = rng.integers(0, classes, size)
            steps = rng.normal(0, 1, (size, STEPS, WIDTH)).astype(np.float32)
            steps[np.arange(size), :, labels] += 1
            segments = tuple(Segment(row, row + 1, None) for row in range(size))
            times = np.tile(np.arange(1, STEPS + 1), (size, 1))
            encoding = Encoding(segments, steps, np.ones((size, STEPS), np.bool_), times)
            keeper.add(encoding, {"expression": np.eye(classes, dtype=np.float32)[labels]})


def make_head() -> AttentionHead:
    """Make the head that is fitted; the same weights every time."""
    torch.manual_seed(0)
    names, kinds = {"expression": EXPRESSION.labels.names}, {"expression": EXPRESSION.kind}
    return AttentionHead(AttentionHead.Config.model_validate({"width": WIDTH, "speaks": names, "kinds": kinds}))


def fit_ours(data: Data, settings: FitSettings, report: Callable[[Progress], None] | None = None) -> float:
    """Fit as the product does."""
    head = make_head()
    return fit(head, HeadObjective(head, data.train, settings), data, settings, seed=7, report=report)


def fit_plainly(train: Mapping[str, Tensor], dev: Mapping[str, Tensor], settings: FitSettings) -> float:
    """Fit as one would without this project: rows in memory, nothing but PyTorch; the best weights are kept."""
    head, best = make_head(), float("-inf")
    kept = head.state_dict()
    optimiser = torch.optim.AdamW(head.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    loss_of = nn.CrossEntropyLoss(class_weights(train["expression"]), label_smoothing=settings.smoothing)
    for _ in range(settings.epochs):
        head.train()
        total = 0.0
        for index in torch.split(torch.randperm(len(train["mask"])), settings.batch):
            optimiser.zero_grad()
            answer = head(train["steps"][index], train["mask"][index], train["times"][index])
            loss = loss_of(answer.logits["expression"], train["expression"][index])
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), settings.clip)
            optimiser.step()
            total += loss.item() * len(index)
        schedule.step()
        head.eval()
        with torch.no_grad():
            said = head(dev["steps"], dev["mask"], dev["times"]).logits["expression"]
        score = macro_f1(dev["expression"].argmax(-1).numpy(), said.argmax(-1).numpy(), said.shape[1])
        if score > best:
            best, kept = score, {name: value.clone() for name, value in head.state_dict().items()}
    head.load_state_dict(kept)
    return best


def throughput(config: Mapping[str, Any]) -> dict[str, float]:
    """Compare both inside a Ray Train worker; returns samples per second of each."""
    began = time()
    use_threads(1)
    folder = Path(config["folder"])
    train, dev = Kept.open(folder / "train"), Kept.open(folder / "dev")
    settings = FitSettings(epochs=EPOCHS, batch=BATCH)

    def tell(progress: Progress) -> None:
        with (folder / "progress").open("a", encoding="utf-8") as log:
            log.write(f"{progress.epoch} {progress.loss}\n")

    held, judged = (rows.take(torch.arange(len(rows))) for rows in (train, dev))
    plain = partial(fit_plainly, held, judged, settings)
    taken = compare(partial(fit_ours, Data(train, dev), settings, tell), plain, config["repetitions"])
    return {
        "fit_samples_per_second": EPOCHS * ROWS / taken.ours,
        "plain_samples_per_second": EPOCHS * ROWS / taken.other,
        "throughput_ratio": 1 / taken.ratio,
        "start_seconds": began - config["asked"],
    }


def throughput_in_ray(folder: Path, repetitions: int) -> dict[str, float]:
    """Run it as a Ray Train run with one worker."""
    from ray.train import LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    keep_rows(folder / "train", ROWS, seed=0)
    keep_rows(folder / "dev", DEV, seed=1)
    with running(cpus=1):
        trainer = TorchTrainer(
            throughput,
            train_loop_config={"folder": str(folder), "repetitions": repetitions, "asked": time()},
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=ScalingConfig(num_workers=1),
            run_config=RunConfig(storage_path=str(folder / "ray"), logging_config=LoggingConfig(log_level="ERROR")),
        )
        found: dict[str, float] = trainer.fit().return_value
    return found


# --------------------------------------------------------------------------------------------------------------- cache


def some_clips(data: Path | None, count: int, folder: Path) -> list[LabelledClip]:
    """Return the first clips of a folder with the labels beside them, if there are any; without one, clips are made."""
    if data is None:
        for script in plan_demo(seed=7)[:count]:
            make_clip(script, folder)
    files = sorted((data or folder).glob("*.mp4"))[:count]
    if not files:
        raise FileNotFoundError(f"there is no .mp4 file in {data}; name a folder with clips, or leave --data out")
    return [read_clip(file) for file in files]


def read_clip(file: Path) -> LabelledClip:
    """Read one clip; without labels it is fitted on nothing, which takes as long."""
    times, labels = np.zeros(0, np.int64), dict[str, Scores]()
    if (beside := file.with_suffix(".npz")).exists():
        with np.load(beside) as made:
            times, labels = made["times"], {task: made[task] for task in tasks()}
    return LabelledClip(file.stem, file, file.stem, "train", AtTimes(times), labels)


def cache(clips: Sequence[LabelledClip], folder: Path) -> dict[str, float]:
    """Time an epoch that must encode its clips, and one that finds them encoded."""
    plan, settings = Plan.of(read_recipe("demo").ensemble), FitSettings(epochs=1, batch=BATCH)
    encodings, member, known = (
        EncodingCache(folder / "cache", plan),
        plan.members[0],
        [Known(clip, 0) for clip in clips],
    )
    fitting = Fitting(plan, member, settings, 7, encodings)

    def epoch() -> None:
        with tempfile.TemporaryDirectory() as kept:
            train = fitting.keep(known, Path(kept))
        head = plan.heads[member.name]
        fit(head, HeadObjective(head, train, settings), Data(train, None), settings, seed=7)

    def first() -> None:
        shutil.rmtree(encodings.root, ignore_errors=True)
        for clip in clips:
            encodings.fill(clip)
        epoch()

    taken = compare(first, epoch, repetitions=3)
    return {
        "first_epoch_seconds": taken.ours,
        "second_epoch_seconds": taken.other,
        "cache_speedup": taken.ratio,
        "clips": float(len(clips)),
    }


# -------------------------------------------------------------------------------------------------------------- memory


def fit_on_disk(folder: str) -> None:
    """Fit on rows on disk; its process is measured."""
    use_threads(1)
    train, dev = Kept.open(Path(folder)), Kept.open(Path(folder).parent / "dev")
    fit_ours(Data(train, dev), FitSettings(epochs=1, batch=BATCH))


def memory(folder: Path) -> dict[str, float]:
    """Measure the peak of a fit, and of one on ten times as many segments."""
    keep_rows(folder / "dev", DEV, seed=1)
    peaks = {}
    for name, count in (("few", FEW), ("many", TIMES * FEW)):
        keep_rows(folder / name, count, seed=0)
        peaks[name] = peak_memory("benchmarks.training:fit_on_disk", str(folder / name))
    few, many = peaks["few"], peaks["many"]
    return {"memory_mb": few, "memory_mb_ten_times": many, "memory_ratio": many / few}


# ---------------------------------------------------------------------------------------------------------------- main


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of clips; if not given, some are made")
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=9)
    asked = parser.parse_args()
    use_threads(1)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="twofold-training-") as place:
        folder = Path(place)
        figures |= memory(folder / "memory")
        figures |= throughput_in_ray(folder / "throughput", asked.repetitions)
        data = asked.data.expanduser() if asked.data else None
        figures |= cache(some_clips(data, asked.clips, folder / "clips"), folder)
    rows = [{"figure": name, "value": value, "goal": goal(name)} for name, value in figures.items()]
    publish("Training", rows, figures, conditions(PACKAGES, torch.get_num_threads(), asked.repetitions))
    return int(any(not low <= figures[name] <= high for name, (low, high) in GOALS.items()))


def goal(name: str) -> str:
    """Say what a figure must reach."""
    low, high = GOALS.get(name, (0.0, float("inf")))
    return f"≥ {low}" if low else f"≤ {high}" if high < float("inf") else ""


if __name__ == "__main__":
    sys.exit(main())
