"""The Recognizer on clips of real people: does it read them all, find the faces, keep time, and hear the words?

    python -m benchmarks.clips --data FOLDER/clips [--asr FOLDER/asr] [--bundle runs/demo/bundle]

FOLDER/clips holds `labels.csv` and the files that it lists; FOLDER/asr holds `references.json` and its recordings.
Every figure has its own witness: faces by what the list says of each clip, times by demuxing alone, words by the
sentence that a GRID file's name spells. A name goes no further than that: the Recognizer calls every clip `clip`.

The accuracy on clips whose emotion is stated has no goal: the demo's bundle was trained on nothing like them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from math import inf, nan, sqrt
from pathlib import Path

import av
import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from benchmarks.faceless import pictures
from benchmarks.report import conditions, publish, tabulate
from benchmarks.seen import GRID_SET, MEANT, Listed, Seen, read_list, watch
from benchmarks.words import word_error_rate
from ensemble import bundle
from ensemble.manifest import find_bundle
from ensemble.recognizer import Recognizer
from modalities.types import FOREVER, SECOND, Faces, Frames, Segment, Times

AT_LEAST: Mapping[str, float] = {"face_recall": 0.9}
AT_MOST: Mapping[str, float] = {
    "failed": 0,
    "face_false_rate": 0.02,
    "time_error_ms_max": 1.0,
    "rows_unexplained": 0,
    "word_error_rate_grid": 0.45,
    "word_error_rate_asr": 0.15,
}
PACKAGES = ("torch", "mediapipe", "onnxruntime", "opencv-contrib-python", "av", "numpy")


# ----------------------------------------------------------------------------------------------------------- witnesses


def times_by_demuxing(path: Path) -> Times:
    """Return when the video frames of a file are shown [F], in µs after its origin, without decoding any."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin, base = container.start_time or 0, stream.time_base or 1
        stamps = [packet.pts for packet in container.demux(stream) if not packet.is_discard]
    times = [round(stamp * base * SECOND) - origin for stamp in stamps if stamp is not None]
    return np.array(sorted(times), np.int64)


def faces_where_none_are(recognizer: Recognizer) -> list[bool]:
    """Look at pictures without a face, each as footage of one frame; say of each whether a face was found."""
    cue = next(cue for cue in recognizer.plan.cues.values() if issubclass(cue.gives, Faces))
    found = []
    for picture in pictures():
        frame = Frames(np.zeros(1, np.int64), (picture,), FOREVER)
        faces, _ = cue.perceive({"frames": frame}, [Segment(0, SECOND // 5)], None)
        found.append(isinstance(faces, Faces) and len(faces) > 0)
    return found


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    share, spread = right / count, z * z / count
    centre, half = share + spread / 2, z * sqrt(share * (1 - share) / count + spread / (4 * count))
    return (centre - half) / (1 + spread), (centre + half) / (1 + spread)


# ------------------------------------------------------------------------------------------------------------- figures


def figures_of_faces(seen: Sequence[Seen], elsewhere: Sequence[bool]) -> dict[str, float]:
    """How often a face is found where there is one, and where there is none."""
    there = np.concatenate([one.with_face for one in seen if one.listed.face_share == 1])
    absent = np.concatenate([one.with_face for one in seen if one.listed.face_share == 0] + [np.array(elsewhere, bool)])
    return {
        "face_recall": float(there.mean()),
        "face_recall_n": len(there),
        "face_false_rate": float(absent.mean()),
        "face_false_n": len(absent),
    }


def figures_of_times(seen: Sequence[Seen]) -> dict[str, float]:
    """How far rows are from the times of their frames; a file that ends too early has fewer rows, and says so."""
    worst, rows, packets, unexplained = 0, 0, 0, 0
    for one in seen:
        shown = times_by_demuxing(one.listed.path)
        times = one.timeline.rows.times if one.timeline else shown[:0]
        count = min(len(times), len(shown))
        worst = max(worst, int(np.abs(times[:count] - shown[:count]).max(initial=0)))
        rows, packets = rows + len(times), packets + len(shown)
        unexplained += 0 if one.trouble else abs(len(times) - len(shown))
    return {"time_error_ms_max": worst / 1000, "rows": rows, "frames": packets, "rows_unexplained": unexplained}


def figures_of_accuracy(seen: Sequence[Seen]) -> dict[str, float]:
    """How often the stated emotion is the one with the highest mean, with a 95 % interval."""
    stated = [one for one in seen if one.listed.label in MEANT]
    right = sum(one.expression == MEANT[one.listed.label] for one in stated)
    low, high = wilson(right, len(stated))
    return {"accuracy": right / len(stated), "accuracy_n": len(stated), "accuracy_low": low, "accuracy_high": high}


def asr_word_error_rate(recognizer: Recognizer, folder: Path) -> float:
    """Recognise recordings without a picture; compare with what was said in them."""
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    listed = [(Listed(folder / one["file"], one["set"], "", 0.0), one["text"]) for one in references]
    return word_error_rate((text, watch(recognizer, one).text) for one, text in listed)


def grid_word_error_rate(seen: Sequence[Seen]) -> float:
    """Compare what was heard in GRID clips with the sentences that their names spell."""
    return word_error_rate((one.listed.said, one.text) for one in seen if one.listed.group == GRID_SET)


def measure(recognizer: Recognizer, data: Path, asr: Path | None) -> tuple[list[Seen], dict[str, float]]:
    """Recognise everything; return what was seen in clips, and the figures."""
    console, listed = Console(stderr=True), read_list(data)
    with console.status("opening the networks"):
        watch(recognizer, listed[0])
    with console.status("pictures without a face"):
        elsewhere = faces_where_none_are(recognizer)
    seen = [watch(recognizer, one) for one in track(listed, "clips", console=console)]
    figures: dict[str, float] = {
        "clips": len(seen),
        "failed": sum(one.timeline is None for one in seen),
        **figures_of_faces(seen, elsewhere),
        **figures_of_times(seen),
        "word_error_rate_grid": grid_word_error_rate(seen),
    }
    if asr:
        with console.status("recordings of speech"):
            figures["word_error_rate_asr"] = asr_word_error_rate(recognizer, asr)
    return seen, figures | figures_of_accuracy(seen)


def reached(name: str, value: float) -> bool:
    """Whether a figure reaches its goal; one without a goal does."""
    return value >= AT_LEAST.get(name, -inf) and value <= AT_MOST.get(name, inf)


def goal(name: str) -> str:
    """Say a figure's goal."""
    if name == "accuracy":
        return f"none; guessing among {len(MEANT)} gives {1 / len(MEANT):.3f}"
    return f"≥ {AT_LEAST[name]}" if name in AT_LEAST else f"≤ {AT_MOST[name]}" if name in AT_MOST else ""


def rows_by_group(seen: Sequence[Seen]) -> list[dict[str, object]]:
    """Return a row of the table for each set of clips."""
    groups: dict[str, list[Seen]] = {}
    for one in seen:
        groups.setdefault(one.listed.group, []).append(one)
    return [
        {
            "set": name,
            "clips": len(group),
            "failed": sum(one.timeline is None for one in group),
            "stopped early": sum(one.timeline is not None and bool(one.trouble) for one in group),
            "frames with a face": float(np.concatenate([one.with_face for one in group]).mean()),
            "words": sum(len(one.text.split()) for one in group),
            "seconds per second": sum(one.seconds for one in group) / (sum(one.duration for one in group) or nan),
        }
        for name, group in groups.items()
    ]


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv and its clips")
    parser.add_argument("--asr", type=Path, help="folder with references.json and its recordings")
    parser.add_argument("--bundle", type=Path, help="a trained ensemble; the demo's, if not given")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with bundle.load(find_bundle(asked.bundle)) as recognizer:
        seen, figures = measure(recognizer, asked.data, asked.asr)
    return _tell(seen, figures)


def _tell(seen: Sequence[Seen], figures: Mapping[str, float]) -> int:
    for one in seen:
        if one.trouble:
            print(f"{one.listed.path.name}: {one.trouble}")
    tabulate("Clips of real people, by set", rows_by_group(seen))
    rows = [
        {"figure": name, "value": value, "goal": goal(name), "": "" if reached(name, value) else "missed"}
        for name, value in figures.items()
    ]
    publish("Figures", rows, figures, conditions(PACKAGES, torch.get_num_threads(), repetitions=1))
    return int(not all(reached(name, value) for name, value in figures.items()))


if __name__ == "__main__":
    sys.exit(main())
