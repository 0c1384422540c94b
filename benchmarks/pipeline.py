"""The whole road against the sum of its parts: what does `Recognizer.predict` cost beyond what its parts must?

    python -m benchmarks.pipeline [--clip FILE] [--bundle runs/demo/bundle] [--repetitions 5] [--minutes 20]

The parts are measured alone on the very tensors that they were given on the road: one run is recorded, then every call
of a cue, an encoder or a head is made again by itself. Decoding alone is `read`, exhausted. One process, the same
threads, road and parts in turns, so that a busy machine disturbs both alike. Goals: at most 1.15 times the sum of the
parts, and at most 1.3 times the memory for twenty times the length.

Without `--bundle` the demo's ensemble is measured untrained: speed does not depend on weights. Without `--clip`, and
for the memory always, it makes a minute of a talking face, 720p with sound. All sampled frames of a clip are held, so
one of about a minute is meant.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import torch

from benchmarks.media import repeat_clip
from benchmarks.report import Comparison, compare, conditions, peak_memory, publish
from benchmarks.talking import SECONDS, talking_clip
from ensemble import bundle
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer
from ensemble.write import Origin, write
from modalities.assets import cache_folder
from modalities.cues.cue import Cue
from modalities.media import read
from modalities.modality import Modality
from modalities.part import Part
from modalities.types import Clip, seconds
from tuning.recipe import read_recipe

MAX_RATIO, MAX_MEMORY_RATIO = 1.15, 1.3
PACKAGES = ("torch", "mediapipe", "onnxruntime", "opencv-contrib-python", "av", "numpy")

Work = Callable[[], object]


class Recorder:
    """Stands before a part, hands everything on, and keeps the calls that do its work, to be made again."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._calls: Mapping[str, list[Work]] = {"perceive": [], "encode": [], "judge": []}

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._part, name)
        return partial(self._call, name, attribute) if name in self._calls else attribute

    def _call(self, name: str, method: Callable[..., object], *given: object) -> object:
        self._calls[name].append(partial(method, *given))
        return method(*given)

    def again(self, name: str) -> None:
        """Make the recorded calls of a method again, in their order."""
        for call in self._calls[name]:
            call()


def parts_of(recognizer: Recognizer, clip: Clip) -> dict[str, Work]:
    """Run the whole road once; return the work of each part by its name, to be done again alone."""
    plan = recognizer.plan
    cues = {name: Recorder(cue) for name, cue in plan.cues.items()}
    modalities = {name: Recorder(modality) for name, modality in plan.modalities.items()}
    recorded = replace(plan, cues=cast(Mapping[str, Cue], cues), modalities=cast(Mapping[str, Modality], modalities))
    Recognizer(recorded).predict(clip)
    return {
        "decode": lambda: deque(read(clip), maxlen=0),
        **{name: partial(cue.again, "perceive") for name, cue in cues.items()},
        **{f"{name} encoder": partial(modality.again, "encode") for name, modality in modalities.items()},
        "heads": partial(_judge_again, list(modalities.values())),
    }


def _judge_again(modalities: Sequence[Recorder]) -> None:
    for modality in modalities:
        modality.again("judge")


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured on one clip, in seconds (medians)."""

    road: Comparison
    parts: Mapping[str, float]
    writing: float
    clip: float  # its length


def measure_speed(recognizer: Recognizer, path: Path, origin: Origin, repetitions: int) -> Speed:
    """Time the whole road, its parts alone, and the writing of the files that come out of it."""
    clip = Clip.of(path)
    parts = parts_of(recognizer, clip)
    times: dict[str, list[float]] = {name: [] for name in parts}

    def all_parts() -> None:
        for name, work in parts.items():
            began = perf_counter()
            work()
            times[name].append(perf_counter() - began)

    road = compare(lambda: recognizer.predict(clip), all_parts, repetitions)
    timeline = recognizer.predict(clip)
    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        write(timeline, clip, Path(folder, "clip"), origin)
        writing = perf_counter() - began
    warm = {name: median(values[1:]) for name, values in times.items()}
    return Speed(road, warm, writing, seconds(timeline.end - timeline.start))


def measure_memory(folder: Path, path: Path, minutes: int) -> tuple[float, float]:
    """Return the peak memory of `predict` in MiB, on a clip of one minute and on its packets over and over."""
    with tempfile.TemporaryDirectory() as scratch:
        longer = Path(scratch, "longer.mp4")
        repeat_clip(path, longer, minutes)
        short, long = (peak_memory("benchmarks.pipeline:predict_once", str(folder), str(p)) for p in (path, longer))
    return short, long


def predict_once(folder: str, path: str) -> None:
    """Recognise a clip; run in a process of its own."""
    torch.set_num_threads(1)
    with bundle.load(folder) as recognizer:
        recognizer.predict(path)


def save_untrained(folder: Path) -> Path:
    """Write the demo's ensemble with the weights that training starts from."""
    bundle.save(Plan.of(read_recipe("demo").ensemble), folder)
    return folder


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=20, help="length of the long clip for the memory")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    talking = talking_clip(cache_folder() / "benchmarks")
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.bundle or save_untrained(Path(scratch, "untrained"))
        with bundle.load(folder) as recognizer:
            speed = measure_speed(recognizer, asked.clip or talking, Origin.of(folder), asked.repetitions)
        expected = asked.minutes * SECONDS / speed.clip * speed.road.ours / 60
        print(f"memory: recognising {asked.minutes} min, about {expected:.1f} min of work", file=sys.stderr)
        memory = measure_memory(folder, talking, asked.minutes)
    return _tell(speed, memory, asked.minutes)


def _tell(speed: Speed, memory: tuple[float, float], minutes: int) -> int:
    total, memory_ratio = sum(speed.parts.values()), memory[1] / memory[0]
    lines = [
        *speed.parts.items(),
        ("sum of the parts", total),
        ("predict", speed.road.ours),
        ("writing files", speed.writing),
    ]
    rows = [
        {"": name, "seconds": spent, "share of the parts": f"{spent / total:.1%}", "× real time": speed.clip / spent}
        for name, spent in lines
    ]
    figures = {
        "ratio": speed.road.ratio,
        "memory_ratio": memory_ratio,
        "realtime": speed.clip / speed.road.ours,
        "predict_seconds": speed.road.ours,
        "parts_seconds": total,
        "write_seconds": speed.writing,
        "clip_seconds": speed.clip,
        "memory_short_mib": memory[0],
        "memory_long_mib": memory[1],
        "memory_long_minutes": minutes,
        "repetitions": speed.road.repetitions,
        **{f"share_{name.replace(' ', '_')}": spent / total for name, spent in speed.parts.items()},
    }
    note = f"memory: {memory[0]:.0f} MiB for 1 min, {memory[1]:.0f} MiB for {minutes} min, ratio {memory_ratio:.2f}\n"
    publish(
        f"Recognizer.predict on {speed.clip:.0f} s: {speed.road.ratio:.3f} of the sum of its parts",
        rows,
        figures,
        note + conditions(PACKAGES, threads=torch.get_num_threads(), repetitions=speed.road.repetitions),
    )
    return int(speed.road.ratio > MAX_RATIO or memory_ratio > MAX_MEMORY_RATIO)


if __name__ == "__main__":
    sys.exit(main())
