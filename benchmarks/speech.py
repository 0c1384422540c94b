"""Speech: heads over embedded sound encoders, trained by `fit`, against functionals and a linear SVM.

    python -m benchmarks.speech --data ../shared/data/speech      (emodb/ and ravdess/ are in that folder)

UAR in per cent on EmoDB (7 classes, Boredom among them) and RAVDESS (8, Calm among them), each with its own labels:
five folds by speaker over clips sorted by name, their answers pooled. An utterance is one segment, all of it speech:
the corpus brings that, so that quiet takes, in which the speech cue hears nobody, are judged too. The baseline: mean,
deviation and percentiles (5, 50, 95) of 20 MFCC, their deltas, log energy and log pitch, in a linear SVM.

The head pools mean and deviation over time, as the linear SVM did whose figures on the same encoder set the goals; it
learns every epoch, at a rate that was chosen inside the first fold's train. (Chosen in every fold between this head and
one that pools the mean alone, by folds inside train, it came to 75.1 and 63.0.) `wavlm_tiny` is a WavLM of two layers
with drawn weights that stay as they are. Means over three seeds, ± their deviation. `--cache` keeps encodings. Goals:
`GOALS`; the baseline must be near what is known.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import librosa
import numpy as np
import torch
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from benchmarks.report import conditions, publish
from ensemble.perception import Key
from ensemble.plan import EnsembleSettings, Plan
from modalities.heads.head import Head
from modalities.native import use_threads
from modalities.types import FOREVER, SAMPLE_RATE, Array, Speech
from tuning.catalog import read_corpus
from tuning.corpora.corpus import LabelledClip
from tuning.encodings import EncodingCache
from tuning.fit import Data, FitSettings, Keeper, Kept, Some, chunks, fit
from tuning.metrics import uar
from tuning.objectives import HeadObjective

CORPORA = ("emodb", "ravdess")
PUBLISHED = {"emodb": 57.0, "ravdess": 41.0}
GOALS = {"emodb": 74.0, "ravdess": 64.0}
SHORTFALL = 1.5
FOLDS, SEEDS = 5, (0, 1, 2)
ENCODERS: Mapping[str, Mapping[str, Any]] = {
    "moonshine": {"kind": "moonshine"},
    "wavlm_tiny": {"kind": "wavlm", "preset": "tiny"},
}
OURS = "moonshine"
HEAD = {"kind": "statistics", "settings": {"hidden": 128, "dropout": 0.0}}
FIT = FitSettings(epochs=20, batch=32, lr=1e-3, weight_decay=0.1)
FRAME, HOP = 1024, 160
ALL_SPEECH = {"speech": Speech(np.array([[0, FOREVER]], np.int64), FOREVER)}
Fold = tuple[Array, Array]
"""Numbers of the rows to learn from, and of those to judge."""


def plan_of(expressions: tuple[str, ...]) -> Plan:
    """Make a plan of one audio modality per encoder, each with one head; an utterance is one segment."""
    head = {**HEAD, "grid": {"duration": 60, "step": 60, "tail": 0}, "tasks": ("expression",)}
    modalities = {
        name: {"kind": "audio", "settings": {"encoder": encoder, "gate": 0.0}, "heads": {"head": head}}
        for name, encoder in ENCODERS.items()
    }
    cues = {"speech": {"kind": "silero"}}
    return Plan.of(
        EnsembleSettings.model_validate({"cues": cues, "modalities": modalities, "expressions": expressions})
    )


@dataclass(frozen=True, slots=True)
class Utterances:
    """A corpus of utterances: clips sorted by name, and rows of each encoder's steps."""

    name: str
    plan: Plan
    clips: Sequence[LabelledClip]
    rows: Mapping[str, Kept]  # encoder → rows

    @classmethod
    def of(cls, name: str, root: Path, kept_in: Path, folder: Path) -> Utterances:
        """Read a corpus and encode what is not in the cache yet."""
        corpus = read_corpus(name, root)
        clips = [replace(c, brought=ALL_SPEECH) for c in sorted(corpus.clips, key=lambda clip: clip.name)]
        plan = plan_of(corpus.expressions)
        cache = EncodingCache(kept_in, plan)
        for clip in cache.missing(clips):
            cache.fill(clip)
        keys = {member.modality: (member.modality, member.grid) for member in plan.members}
        rows = {encoder: kept(clips, cache, key, folder / encoder) for encoder, key in keys.items()}
        return cls(name, plan, clips, rows)

    @property
    def targets(self) -> Array:
        """Class of each clip."""
        return np.array([clip.labels["expression"][0].argmax() for clip in self.clips])

    def score(self, said: Mapping[int, int]) -> float:
        """UAR in per cent of classes said of rows."""
        rows = sorted(said)
        return 100 * uar(
            self.targets[rows], np.array([said[row] for row in rows]), len(self.plan.tasks["expression"].labels)
        )

    def folds(self, rows: Array, count: int) -> list[Fold]:
        """Cut rows by speaker."""
        speakers = np.array([clip.subject for clip in self.clips])[rows]
        return [(rows[learnt], rows[judged]) for learnt, judged in GroupKFold(count).split(rows, groups=speakers)]


def kept(clips: Sequence[LabelledClip], cache: EncodingCache, key: Key, folder: Path) -> Kept:
    """Write the steps of all clips, one segment each, to a folder."""
    with Keeper(folder, {"expression": clips[0].labels["expression"].shape[1]}) as keeper:
        for clip in clips:
            impression = cache.load(clip, only=(key,))
            encoding = impression.encodings[key]
            if encoding.present.tolist() != [True]:
                raise ValueError(f"{clip.name} should be one segment with sound, but has {encoding.present.tolist()}")
            keeper.add(encoding, clip.targets(encoding.segments, impression.row_times))
    return Kept.open(folder)


def functionals(sound: Array) -> Array:
    """Mean, deviation and percentiles over time [210] of 20 MFCC, their deltas, log energy and log pitch."""
    cepstrum = librosa.feature.mfcc(y=sound, sr=SAMPLE_RATE, n_mfcc=20, n_fft=FRAME // 2, hop_length=HOP)
    energy = librosa.feature.rms(y=sound, frame_length=FRAME, hop_length=HOP)
    pitch = librosa.yin(sound, fmin=60, fmax=500, sr=SAMPLE_RATE, frame_length=FRAME, hop_length=HOP)
    delta = librosa.feature.delta(cepstrum)
    lines = np.vstack([cepstrum, delta, np.log(energy + 1e-6), np.log(pitch)[None]])
    return np.concatenate([lines.mean(1), lines.std(1), *np.percentile(lines, (5, 50, 95), axis=1)])


def baseline(corpus: Utterances, folds: Sequence[Fold]) -> float:
    """Judge functionals by a linear SVM."""
    sounds = (np.concatenate([f.waveform.samples for f in clip.footages()]) for clip in corpus.clips)
    vectors, said = np.array([functionals(sound) for sound in sounds]), dict[int, int]()
    for learnt, judged in folds:
        machine = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced"))
        machine.fit(vectors[learnt], corpus.targets[learnt])
        said |= zip(judged.tolist(), machine.predict(vectors[judged]).tolist(), strict=True)
    return corpus.score(said)


def ours(corpus: Utterances, encoder: str, folds: Sequence[Fold]) -> list[float]:
    """Fit the head of an encoder per fold; one score per seed."""
    scores = []
    for seed in SEEDS:
        said: dict[int, int] = {}
        for learnt, judged in folds:
            rows, others = (Some(corpus.rows[encoder], torch.from_numpy(side)) for side in (learnt, judged))
            head = fitted(corpus.plan.heads[f"{encoder}.head"], rows, seed)
            said |= zip(judged.tolist(), judge(head, others), strict=True)
        scores.append(corpus.score(said))
    return scores


def fitted(head: Head, rows: Some, seed: int) -> Head:
    """Fit a head from the start, for all epochs."""
    torch.manual_seed(seed)
    head.reset()
    every = rows.take(torch.arange(len(rows)))
    head.standardise_by(every["steps"], every["mask"])
    fit(head, HeadObjective(head, rows, FIT), Data(rows, None), FIT, seed=seed)
    return head


def judge(head: Head, rows: Some) -> Iterator[int]:
    """Tell the class of each row."""
    with torch.inference_mode():
        for batch in chunks(rows):
            yield from head(batch["steps"], batch["mask"], batch["times"]).logits["expression"].argmax(1).tolist()


def measure(corpus: Utterances) -> dict[str, float | str]:
    """Return a row of the table: the baseline, and every encoder."""
    folds = corpus.folds(np.arange(len(corpus.clips)), FOLDS)
    row: dict[str, float | str] = {"corpus": corpus.name, "baseline": baseline(corpus, folds)}
    for encoder in ENCODERS:
        scores = ours(corpus, encoder, folds)
        row |= {encoder: float(np.mean(scores)), f"± {encoder}": float(np.std(scores))}
        print(f"{corpus.name}, {encoder}: {', '.join(f'{score:.1f}' for score in scores)}", file=sys.stderr)
    return row


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="a folder that keeps encodings")
    asked = parser.parse_args()
    use_threads(1)
    began, rows = perf_counter(), list[dict[str, float | str]]()
    with tempfile.TemporaryDirectory(prefix="twofold-speech-") as folder:
        for name in CORPORA:
            at = Path(folder, name)
            corpus = Utterances.of(name, asked.data / name, asked.cache or at / "encodings", at / "rows")
            print(f"{name}: encoded after {perf_counter() - began:.0f} s", file=sys.stderr)
            rows.append(measure(corpus))
    note = f"{conditions(('torch', 'scikit-learn', 'librosa'), torch.get_num_threads(), 1)}; {len(SEEDS)} seeds"
    figures = told(rows) | {"seconds": perf_counter() - began}
    publish("Speech: UAR in per cent", rows, figures, note)
    return int(any(missed(figures)))


def told(rows: Sequence[Mapping[str, float | str]]) -> dict[str, float]:
    """Name the figures."""
    names = {"baseline": "uar_baseline", OURS: "uar", f"± {OURS}": "uar_deviation", "wavlm_tiny": "uar_wavlm_tiny"}
    return {f"{row['corpus']}_{name}": float(row[column]) for row in rows for column, name in names.items()}


def missed(figures: Mapping[str, float]) -> Iterator[bool]:
    """Whether a goal is missed, and whether a baseline is too weak to tell."""
    for name in CORPORA:
        yield figures[f"{name}_uar_baseline"] < PUBLISHED[name] - SHORTFALL
        yield figures[f"{name}_uar"] < GOALS[name]


if __name__ == "__main__":
    sys.exit(main())
