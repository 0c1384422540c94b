"""Every encoder: milliseconds per segment of 4 s, and megabytes of weights; and what it saves to share one.

    python -m benchmarks.encoders [--repetitions 31]

A segment is 20 faces of a portrait or the 20 frames around them, 64 000 samples of a made voice, or a sentence of 27
words. `tiny` is the preset, `embedded` what works as installed, `real` the published sizes with random weights, loaded
as a real model is (`benchmarks/shapes.py`); real ones are timed three times. One thread. Megabytes: 4 bytes per
parameter of what is loaded (CLIP always has both its sides), or the files of embedded assets.

Goal: to encode and judge 20 s of faces, in stretches of 4 s, with three heads over one shared encoder takes at most 1.2
times as long as with the static head alone; the faces are there already.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import librosa
import numpy as np
import skimage
import torch

from benchmarks.report import Comparison, compare, conditions, publish, tabulate
from benchmarks.shapes import REAL, SENTENCE, save_real
from ensemble.perception import Observer, Perception
from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from modalities.assets import table
from modalities.catalog import ENCODERS, find
from modalities.cues.faces import FaceFinder
from modalities.encoders.clip import Clip
from modalities.encoders.encoder import Encoder
from modalities.native import use_threads
from modalities.pretrained import Pretrained
from modalities.types import FOREVER, SAMPLE_RATE, SAMPLED_FPS, SECOND, Array, Footage, Frames, Waveform
from tuning.corpora.demo.voice import PROSODY, RATE, VOICES, speak

MAX_RATIO = 1.2
SEGMENT, SECONDS = 4, 20
REAL_REPETITIONS = 3
SIDE = 400
"""Pixels of the square that wanders over the portrait."""
STATIC: Mapping[str, Any] = {"static": {"kind": "mean", "grid": "frames"}}
GRID = {"duration": 4, "step": 2, "tail": 1}
THREE = {
    **STATIC,
    "transformer": {"kind": "transformer", "grid": GRID},
    "mamba": {"kind": "mamba", "grid": GRID},
}
PACKAGES = ("torch", "transformers", "open-clip-torch", "sentence-transformers", "ai-edge-litert", "onnxruntime")


OVER_TINY: Mapping[str, Mapping[str, Any]] = {"tokens": {"model": {"kind": "roberta", "preset": "tiny"}}}
"""Settings of encoders that have no network of their own, but ask another encoder's."""


def portrait_footage() -> list[Footage]:
    """Return stretches of 4 s in which a portrait wanders to and fro, with the faces in it found already."""
    portrait = skimage.data.astronaut()
    times = np.arange(SECONDS * SAMPLED_FPS) * (SECOND // SAMPLED_FPS)
    shifts = np.round(40 + 30 * np.sin(np.arange(len(times)) / 5)).astype(int)
    images = [np.ascontiguousarray(portrait[:SIDE, shift : shift + SIDE]) for shift in shifts]
    edges = np.arange(0, SECONDS + 1, SEGMENT) * SECOND
    per = SEGMENT * SAMPLED_FPS
    finder = FaceFinder(FaceFinder.Config())
    observer, stretches = Observer(finder), []
    for number, (start, end) in enumerate(pairwise(edges.tolist())):
        last, rows = end == edges[-1], slice(number * per, (number + 1) * per)
        frames = Frames(times[rows], tuple(images[rows]), FOREVER if last else end)
        silence = Waveform(np.zeros(0, np.float32), start, frames.until)
        footage = Footage(start, end, last, frames, frames.times, silence)
        stretches.append(replace(footage, percepts={"faces": observer.look({"frames": frames}, footage)}))
    finder.close()
    return stretches


def voice() -> Array:
    """Return a segment's sound: somebody says the sentence."""
    sound = speak([SENTENCE], VOICES["test"][0], PROSODY["Neutral"])
    resampled: Array = librosa.resample(sound, orig_sr=RATE, target_sr=SAMPLE_RATE)
    return resampled[: SEGMENT * SAMPLE_RATE]


def shapes_of(name: str) -> Iterator[tuple[str, Encoder[Any]]]:
    """Make an encoder in every shape that it has; a real one lies on disk only until the next is asked for."""
    part = find(name, ENCODERS)
    if name in OVER_TINY:
        yield "tiny", part(part.Config(**OVER_TINY[name]))
        return
    if not issubclass(part.Config, Pretrained):
        yield "embedded", part(part.Config())
        return
    yield "tiny", part(part.Config(preset="tiny"))
    with tempfile.TemporaryDirectory(prefix="twofold-") as scratch:
        save_real(name, folder := Path(scratch, "model"))
        yield "real", part(part.Config(name=str(folder)))


def megabytes(encoder: Encoder[Any]) -> float:
    """Return what its weights take: its assets' files, else 4 bytes per parameter."""
    if encoder.assets:
        return sum(asset.size for asset in table() if asset.name in encoder.assets) / 1e6
    network = encoder.loaded.network if isinstance(encoder, Clip) else getattr(encoder, "network", None)
    return sum(4 * weight.numel() for weight in network.parameters()) / 1e6 if network else 0.0


def milliseconds(encoder: Encoder[Any], given: Any, repetitions: int) -> float:
    """Return how long one segment takes: the median, after one that is not timed."""
    encoder.encode(given)
    times = []
    for _ in range(repetitions):
        began = perf_counter()
        encoder.encode(given)
        times.append(perf_counter() - began)
    return 1000 * median(times)


def measure(given: Mapping[str, Any], repetitions: int) -> list[dict[str, Any]]:
    """Return a row per encoder and shape; `given`: kind of encoder → one segment."""
    rows = []
    for name in ENCODERS:
        for shape, encoder in shapes_of(name):
            print(f"{name}, {shape}", file=sys.stderr)
            times = REAL_REPETITIONS if shape == "real" else repetitions
            spent = milliseconds(encoder, given[encoder.kind], times)
            row = {"encoder": name, "reads": encoder.kind, "shape": shape, "width": encoder.width}
            rows.append({**row, "ms per segment": spent, "MB": megabytes(encoder)})
    return rows


def share(footages: list[Footage], repetitions: int) -> Comparison:
    """Compare three heads over one encoder with the static one alone, on faces that are there already."""
    three, alone = (partial(_encode_and_judge, _recognizer(heads), footages) for heads in (THREE, STATIC))
    return compare(three, alone, repetitions)


def _recognizer(heads: Mapping[str, Any]) -> Recognizer:
    face = {"kind": "face", "settings": {"encoder": {"kind": "face_embedded"}}, "heads": heads}
    settings = {"cues": {"faces": {"kind": "faces"}}, "modalities": {"face": face}}
    return Recognizer(Plan.of(EnsembleSettings.model_validate(settings)))


def _encode_and_judge(recognizer: Recognizer, footages: list[Footage]) -> None:
    for impression in Perception(recognizer.plan).run(footages):
        recognizer.judge(impression)


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=31)
    asked = parser.parse_args()
    pretrained = {name for name in ENCODERS if issubclass(find(name, ENCODERS).Config, Pretrained)}
    if unknown := pretrained - REAL.keys():
        parser.error(
            f"the published sizes of {', '.join(sorted(unknown))} are not known; add them to {save_real.__module__}"
        )
    use_threads(1)
    footages = portrait_footage()
    shared = share(footages, asked.repetitions)
    first = footages[0]
    given = {"face": first.percepts["faces"], "picture": first.frames.images, "sound": voice(), "text": [SENTENCE]}
    return _tell(measure(given, asked.repetitions), shared)


def _tell(rows: list[dict[str, Any]], shared: Comparison) -> int:
    heads = [("static", 1000 * shared.other, 1.0), ("static, transformer, mamba", 1000 * shared.ours, shared.ratio)]
    tabulate(
        f"Heads over one face_embedded, {SECONDS} s of faces",
        [{"heads": name, "ms": spent, "× static": ratio} for name, spent, ratio in heads],
    )
    figures = {
        "shared_encoder_ratio": shared.ratio,
        "three_heads_ms": 1000 * shared.ours,
        "static_head_ms": 1000 * shared.other,
        **{f"{row['encoder']}_{row['shape']}_ms": row["ms per segment"] for row in rows},
        **{f"{row['encoder']}_{row['shape']}_mb": row["MB"] for row in rows},
        "repetitions": float(shared.repetitions),
    }
    note = conditions(PACKAGES, torch.get_num_threads(), shared.repetitions)
    publish(f"Encoders on a segment of {SEGMENT} s", rows, figures, f"{note}; real: {REAL_REPETITIONS}")
    return int(shared.ratio > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
